//! What refers to what: resources by their kinds and names, and the policies of a route's rule.

use super::tree::Spot;
use super::{Found, Read};

/// The namespace of a resource that names none.
const DEFAULT: &str = "default";

/// Every resource of every file.
pub(super) struct World<'a> {
    pub(super) resources: Vec<Resource<'a>>,
}

/// A resource.
#[derive(Clone)]
pub(super) struct Resource<'a> {
    pub(super) spot: Spot<'a>,
    pub(super) group: &'a str,
    pub(super) kind: &'a str,
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
}

/// A rule of an HTTPRoute.
pub(super) struct Rule<'w, 'a> {
    pub(super) route: &'w Resource<'a>,
    pub(super) spot: Spot<'a>,
    /// What holds for it: the policy of the rule, else of the route, else of its Gateway. Where a policy says how it is merged, the next
    /// one is behind it.
    pub(super) policies: Vec<&'w Resource<'a>>,
}

impl<'a> World<'a> {
    pub(super) fn new(files: &'a [(usize, Read<'a>)], found: &mut Found) -> Self {
        let mut resources = Vec::new();
        for (number, file) in files {
            let root = Spot { file, number: *number, node: &file.root, path: String::new() };
            for document in root.items() {
                let document = Spot { path: "document".to_owned(), ..document };
                let kind = document.text_of("kind");
                let (Some(kind), Some(version)) = (kind, document.text_of("apiVersion")) else {
                    let hint =
                        "give each document `apiVersion` and `kind`, or leave it out of what is read here";
                    found.problem(&document, "is no resource", hint);
                    continue;
                };
                let list = if kind == "List" { document.each("items") } else { vec![document.clone()] };
                for spot in list {
                    let kind = spot.text_of("kind").unwrap_or(kind);
                    let version = spot.text_of("apiVersion").unwrap_or(version);
                    let group = version.split_once('/').map_or("", |(group, _)| group);
                    let metadata = |key: &str| spot.get("metadata").and_then(|it| it.text_of(key));
                    let (name, namespace) = (metadata("name").unwrap_or_default(), metadata("namespace"));
                    let path = if name.is_empty() { format!("{kind}: ") } else { format!("{kind} {name}: ") };
                    let namespace = namespace.unwrap_or(DEFAULT);
                    resources.push(Resource { spot: Spot { path, ..spot }, group, kind, namespace, name });
                }
            }
        }
        Self { resources }
    }

    /// Those of that kind.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Resource<'a>> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// The one of that kind and name.
    pub(super) fn named(&self, kind: &str, namespace: &str, name: &str) -> Option<&Resource<'a>> {
        self.of(kind).find(|resource| resource.namespace == namespace && resource.name == name)
    }

    /// The rules of every HTTPRoute.
    pub(super) fn rules(&self) -> Vec<Rule<'_, 'a>> {
        let rules = self.of("HTTPRoute").flat_map(|route| {
            let rules = route.spec().map_or_else(Vec::new, |spec| spec.each("rules"));
            rules.into_iter().map(move |spot| Rule { route, policies: self.policies(route, &spot), spot })
        });
        rules.collect()
    }

    /// The Gateways of a route, as far as they are in the files.
    pub(super) fn gateways(&self, route: &Resource<'a>) -> Vec<&Resource<'a>> {
        let parents = route.spec().map_or_else(Vec::new, |spec| spec.each("parentRefs"));
        let named = parents.into_iter().filter_map(|parent| {
            let namespace = parent.text_of("namespace").unwrap_or(route.namespace);
            self.named("Gateway", namespace, parent.text_of("name")?)
        });
        named.collect()
    }

    /// The policies of that kind that are for that resource, or for a part of it.
    pub(super) fn targeting(
        &self,
        kind: &str,
        target: &Resource<'a>,
    ) -> Vec<(&Resource<'a>, Option<&'a str>)> {
        let mut all = Vec::new();
        for policy in self.of(kind) {
            all.extend(policy.sections_for(target).into_iter().map(|section| (policy, section)));
        }
        all
    }

    /// The resources that a policy is for, or for a part of.
    pub(super) fn targets(&self, policy: &Resource<'_>) -> Vec<&Resource<'a>> {
        self.resources.iter().filter(|target| !policy.sections_for(target).is_empty()).collect()
    }

    fn policies(&self, route: &Resource<'a>, rule: &Spot<'a>) -> Vec<&Resource<'a>> {
        const KIND: &str = "BackendTrafficPolicy";
        let name = rule.text_of("name");
        let of_route = self.targeting(KIND, route);
        let exact = of_route.iter().filter(|(_, section)| section.is_some() && *section == name);
        let whole = of_route.iter().filter(|(_, section)| section.is_none());
        let of_gateways: Vec<_> =
            self.gateways(route).into_iter().flat_map(|it| self.targeting(KIND, it)).collect();
        let mut policies = Vec::new();
        for (policy, _) in exact.chain(whole).chain(&of_gateways) {
            policies.push(*policy);
            if policy.spec().is_none_or(|spec| spec.get("mergeType").is_none()) {
                break;
            }
        }
        policies
    }
}

impl<'a> Resource<'a> {
    pub(super) fn spec(&self) -> Option<Spot<'a>> {
        self.spot.get("spec")
    }
}

impl<'a> Resource<'a> {
    /// What of that resource this policy is for, if anything: a section by its name, or all of it.
    fn sections_for(&self, target: &Resource<'_>) -> Vec<Option<&'a str>> {
        let Some(spec) = self.spec().filter(|_| self.namespace == target.namespace) else {
            return Vec::new();
        };
        let references = spec.each("targetRefs").into_iter().chain(spec.get("targetRef"));
        let named = references.filter(|reference| {
            let (kind, name) = (reference.text_of("kind"), reference.text_of("name"));
            kind == Some(target.kind) && name == Some(target.name)
        });
        let mut sections: Vec<_> = named.map(|reference| reference.text_of("sectionName")).collect();
        if spec.each("targetSelectors").iter().any(|selector| target.is_selected(selector)) {
            sections.push(None);
        }
        sections
    }

    /// Whether an entry of a policy's `targetSelectors` is for it.
    fn is_selected(&self, selector: &Spot<'_>) -> bool {
        let labels = self.spot.find(&["metadata", "labels"]);
        let label = |key: &str| labels.as_ref().and_then(|labels| labels.text_of(key));
        let wanted = selector.get("matchLabels").map_or_else(Vec::new, |wanted| wanted.members());
        let expressions = selector.each("matchExpressions");
        selector.text_of("kind") == Some(self.kind)
            && wanted.iter().all(|(key, value)| value.text().is_some() && label(key) == value.text())
            && expressions.iter().all(|expression| {
                let here = label(expression.text_of("key").unwrap_or_default());
                let among = || expression.each("values").iter().any(|value| value.text() == here);
                match expression.text_of("operator") {
                    Some("Exists") => here.is_some(),
                    Some("DoesNotExist") => here.is_none(),
                    Some("In") => here.is_some() && among(),
                    Some("NotIn") => here.is_none() || !among(),
                    _ => false,
                }
            })
    }
}

impl<'a> Rule<'_, 'a> {
    /// What its policies say there, the first that says something.
    pub(super) fn policy(&self, keys: &[&str]) -> Option<Spot<'a>> {
        self.policies.iter().find_map(|policy| policy.spec()?.find(keys))
    }

    /// Its backends.
    pub(super) fn backends(&self) -> Vec<Spot<'a>> {
        self.spot.each("backendRefs")
    }

    /// Whether that backend is tried when the others have failed.
    pub(super) fn is_fallback(&self, world: &World<'a>, backend: &Spot<'a>) -> bool {
        let namespace = backend.text_of("namespace").unwrap_or(self.route.namespace);
        let name = backend.text_of("name").unwrap_or_default();
        let resource =
            world.named("Backend", namespace, name).filter(|_| backend.text_of("kind") == Some("Backend"));
        resource.and_then(Resource::spec).is_some_and(|spec| spec.is_true("fallback"))
    }
}
