// Checks Kubernetes manifests as an API server does, with an API server's own code and without a cluster.
//
// A resource that a definition (CRD) describes is defaulted and validated as on its creation: unknown fields, types, required fields, enums and
// patterns, lists that are maps or sets, and the definition's rules in CEL. A resource of Kubernetes itself is decoded strictly into
// its Go type: unknown and repeated fields, and types. What else an API server refuses of those is in no module that can be imported, and not checked.
//
// Usage: apiserver DEFINITIONS MANIFEST…, where DEFINITIONS is a directory of YAML. Every problem is a line `FILE: KIND/NAME: problem`;
// the last line is `valid: N, invalid: N`.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	v1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apiextensions-apiserver/pkg/registry/customresource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gvk "k8s.io/apimachinery/pkg/runtime/schema"
	strictjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// One version of one definition.
type definition struct {
	schema   *schema.Structural
	validate func(*unstructured.Unstructured) field.ErrorList
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: apiserver DEFINITIONS MANIFEST…")
		os.Exit(2)
	}
	definitions, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	valid, invalid := 0, 0
	for _, file := range os.Args[2:] {
		err := each(file, func(document []byte) error {
			name, problems := check(definitions, document)
			if len(problems) == 0 {
				valid++
				return nil
			}
			invalid++
			for _, problem := range problems {
				fmt.Printf("%s: %s: %s\n", file, name, problem)
			}
			return nil
		})
		if err != nil {
			invalid++
			fmt.Printf("%s: %v\n", file, err)
		}
	}
	fmt.Printf("valid: %d, invalid: %d\n", valid, invalid)
	if invalid > 0 {
		os.Exit(1)
	}
}

// Every definition under that directory, by what it defines.
func read(directory string) (map[gvk.GroupVersionKind]definition, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*.yaml"))
	if err != nil {
		return nil, err
	}
	definitions := map[gvk.GroupVersionKind]definition{}
	for _, file := range files {
		err := each(file, func(document []byte) error {
			crd := &v1.CustomResourceDefinition{}
			if err := yaml.Unmarshal(document, crd); err != nil || crd.Kind != "CustomResourceDefinition" {
				return err
			}
			v1.SetDefaults_CustomResourceDefinition(crd)
			internal := &apiextensions.CustomResourceDefinition{}
			if err := v1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
				return err
			}
			for _, version := range internal.Spec.Versions {
				kind := gvk.GroupVersionKind{Group: internal.Spec.Group, Version: version.Name, Kind: internal.Spec.Names.Kind}
				// Where all versions share one schema, it stands above them.
				schemaOf := version.Schema
				if schemaOf == nil {
					schemaOf = internal.Spec.Validation
				}
				compiled, err := compile(kind, schemaOf.OpenAPIV3Schema, internal.Spec.Scope == apiextensions.NamespaceScoped)
				if err != nil {
					return fmt.Errorf("%v: %w", kind, err)
				}
				definitions[kind] = compiled
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(definitions) == 0 {
		return nil, fmt.Errorf("%s: no definition is there", directory)
	}
	return definitions, nil
}

func compile(kind gvk.GroupVersionKind, properties *apiextensions.JSONSchemaProps, namespaced bool) (definition, error) {
	structural, err := schema.NewStructural(properties)
	if err != nil {
		return definition{}, err
	}
	validator, _, err := validation.NewSchemaValidator(properties)
	if err != nil {
		return definition{}, err
	}
	strategy := customresource.NewStrategy(nil, namespaced, kind, validator, nil, structural, nil, nil, nil)
	return definition{structural, func(object *unstructured.Unstructured) field.ErrorList {
		return strategy.Validate(context.Background(), object)
	}}, nil
}

// A manifest's name and what is wrong with it.
func check(definitions map[gvk.GroupVersionKind]definition, document []byte) (string, []string) {
	// The first of two equal keys would be lost without a word.
	content, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return "a document", []string{err.Error()}
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(content); err != nil {
		return "a document", []string{err.Error()}
	}
	kind := object.GroupVersionKind()
	name := kind.Kind + "/" + object.GetName()
	problems := metadata(object)
	if defined, there := definitions[kind]; there {
		for _, path := range pruning.PruneWithOptions(object.Object, defined.schema, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
			problems = append(problems, fmt.Sprintf("unknown field %q", path))
		}
		defaulting.Default(object.Object, defined.schema)
		for _, problem := range defined.validate(object) {
			problems = append(problems, problem.Error())
		}
		return name, problems
	}
	strict := strictjson.NewSerializerWithOptions(strictjson.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, strictjson.SerializerOptions{Strict: true})
	if _, _, err := strict.Decode(content, nil, nil); err != nil {
		problems = append(problems, err.Error())
	}
	if object.GetName() == "" {
		problems = append(problems, "metadata.name: Required value")
	}
	return name, problems
}

// What a resource says of itself: a definition's schema says nothing of its fields.
func metadata(object *unstructured.Unstructured) []string {
	of, err := json.Marshal(object.Object["metadata"])
	if err != nil {
		return []string{err.Error()}
	}
	if err := yaml.UnmarshalStrict(of, &metav1.ObjectMeta{}); err != nil {
		return []string{"metadata: " + err.Error()}
	}
	return nil
}

// The documents of a file that hold something.
func each(file string, use func([]byte) error) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var content any
		if err := yaml.Unmarshal(document, &content); err != nil {
			return err
		}
		if content == nil {
			continue
		}
		if err := use(document); err != nil {
			return err
		}
	}
}
