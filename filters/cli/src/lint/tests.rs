//! How a file is numbered and quantities are read.

use super::*;

#[test]
fn every_value_is_found_with_its_line() {
    let text = "kind: A\napiVersion: b/v1\nmetadata: {name: c}\nspec:\n  list:\n  - x: 1\n  - x: [true,\n      two]\n";
    let documents = Documents::read(text).unwrap();
    let root = Node::read(&documents.json).unwrap();
    let read = [(0, Read { name: "f", documents, root })];
    let world = World::new(&read, &mut Found::default());
    let spec = world.resources[0].spec().unwrap();
    let deep = spec.get("list").unwrap().items()[1].get("x").unwrap().items()[1].clone();
    assert_eq!(deep.path, "A c: spec.list[1].x[1]");
    assert_eq!((deep.text(), deep.file.documents.line(deep.node.order)), (Some("two"), Some(8)));
    assert_eq!(spec.all().len(), 8);
}

#[test]
fn what_is_no_resource_is_told() {
    let said = |text: &str| {
        lint(&[File { name: "f.yaml", text }]).problems.iter().map(ToString::to_string).collect::<String>()
    };
    assert!(said("a: 1\n").starts_with("f.yaml:1: document: is no resource\n  hint: "));
    assert!(said("a: [").contains(": file: not valid YAML"));
    assert!(said("kind: A\nkind: B\n").starts_with("f.yaml:2: file: the key of this value stands twice"));
    assert_eq!(said("---\n---\n"), "");
}
