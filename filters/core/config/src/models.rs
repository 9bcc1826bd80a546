//! The models that clients may ask for, looked up by the name that a client sends.

use std::cmp::Reverse;

use llm_api::Dialect;

use crate::CountingMode;

/// A model that clients may ask for and where it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRoute {
    /// A model's name, or a prefix followed by `*`.
    pub name: String,
    /// The value of the routing header.
    pub route: String,
    /// `owned_by` in the list of models.
    pub owned_by: String,
    /// Where it is served, in the order of the attempts. Empty where Envoy's routes alone decide.
    pub targets: Vec<PlannedTarget>,
    /// How tokens are counted.
    pub counting: CountingMode,
    /// The most tokens that a prompt may have.
    pub max_input_tokens: Option<u64>,
}

/// A planned target: a provider, its API, and the model's name there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTarget {
    /// The provider's name, as in ai-provider's configuration.
    pub provider: String,
    /// The API that it speaks.
    pub api: Dialect,
    /// The model's name there; where there is none, the name that was asked for.
    pub model: Option<String>,
    /// `anthropic-version`, for a provider that speaks Anthropic's API.
    pub anthropic_version: String,
}

/// The models and aliases, looked up by the name that a client sends.
#[derive(Clone, Debug)]
pub struct Models {
    routes: Vec<ModelRoute>,
    aliases: Vec<Alias>,
    names: Names,
}

/// Another name for a model, already followed.
#[derive(Clone, Debug)]
struct Alias {
    pattern: String,
    model: String,
    /// Index of the route that the model's name leads to.
    route: usize,
}

/// What a client's model name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved<'a> {
    /// The route.
    pub route: &'a ModelRoute,
    /// Its number among [`Models::routes`].
    pub number: usize,
    /// The model's name after aliases, before a target renames it.
    pub model: &'a str,
}

/// Where an alias leads that leads to no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Astray {
    /// No model and no alias has that name.
    Nowhere,
    /// To the alias of that index, perhaps itself.
    Alias(usize),
}

impl Models {
    /// The models in the order of the configuration, and aliases as `(pattern, model)`. Every alias must lead to a model by one
    /// step, as a client's request for that model would; the error names, by index, those that do not.
    pub(crate) fn new(
        routes: Vec<ModelRoute>,
        aliases: Vec<(String, String)>,
    ) -> Result<Self, Vec<(usize, Astray)>> {
        let models =
            routes.iter().enumerate().map(|(index, route)| (route.name.as_str(), Meaning::Model(index)));
        let others =
            aliases.iter().enumerate().map(|(index, (pattern, _))| (pattern.as_str(), Meaning::Alias(index)));
        let names = Names::new(models.chain(others));

        let mut astray = Vec::new();
        let mut followed = Vec::with_capacity(aliases.len());
        for (index, (pattern, model)) in aliases.into_iter().enumerate() {
            match names.meaning(&model) {
                Some(Meaning::Model(route)) => followed.push(Alias { pattern, model, route }),
                Some(Meaning::Alias(other)) => astray.push((index, Astray::Alias(other))),
                None => astray.push((index, Astray::Nowhere)),
            }
        }
        if astray.is_empty() { Ok(Self { routes, aliases: followed, names }) } else { Err(astray) }
    }

    /// What that name stands for: an exact model or alias first, then the longest matching prefix. An alias is followed once.
    ///
    /// What a prefix lets through are the client's own words, and they become part of log lines: with a control character they are no name.
    ///
    /// A binary search over the exact names; only a name that is none of them is compared with the prefixes, one by one.
    pub fn resolve<'a>(&'a self, asked: &'a str) -> Option<Resolved<'a>> {
        match self.names.meaning(asked)? {
            Meaning::Model(route) => {
                Some(Resolved { route: self.routes.get(route)?, number: route, model: asked })
            }
            Meaning::Alias(alias) => {
                let alias = self.aliases.get(alias)?;
                let number = alias.route;
                Some(Resolved { route: self.routes.get(number)?, number, model: &alias.model })
            }
        }
    }

    /// What `GET /v1/models` lists: `(id, owned_by)` of exact models and then of exact aliases, in the order of the configuration.
    /// A pattern is left out: nobody can ask for it by that name.
    pub fn listed(&self) -> impl Iterator<Item = (&str, &str)> {
        let models = self.routes.iter().map(|route| (route.name.as_str(), route));
        let aliases = self
            .aliases
            .iter()
            .filter_map(|alias| Some((alias.pattern.as_str(), self.routes.get(alias.route)?)));
        models
            .chain(aliases)
            .filter(|(name, _)| !name.ends_with('*'))
            .map(|(name, route)| (name, route.owned_by.as_str()))
    }

    /// The models in the order of the configuration.
    pub fn routes(&self) -> &[ModelRoute] {
        &self.routes
    }
}

/// What a name stands for, by index.
#[derive(Clone, Copy, Debug)]
enum Meaning {
    Model(usize),
    Alias(usize),
}

/// Every name and prefix of the configuration.
#[derive(Clone, Debug)]
struct Names {
    /// Sorted by name. No hash map: nothing to seed, and a client cannot choose names that collide.
    exact: Vec<(String, Meaning)>,
    /// Without their `*`, the longest first.
    prefixes: Vec<(String, Meaning)>,
}

impl Names {
    fn new<'a>(all: impl Iterator<Item = (&'a str, Meaning)>) -> Self {
        let (mut exact, mut prefixes) = (Vec::new(), Vec::new());
        for (name, meaning) in all {
            match name.strip_suffix('*') {
                Some(prefix) => prefixes.push((prefix.to_owned(), meaning)),
                None => exact.push((name.to_owned(), meaning)),
            }
        }
        // Of two equal names, which validation refuses, the model stays: the sorting is stable, and models come first.
        exact.sort_by(|(a, _): &(String, _), (b, _)| a.cmp(b));
        exact.dedup_by(|(later, _), (first, _)| later == first);
        prefixes.sort_by_key(|(prefix, _)| Reverse(prefix.len()));
        Self { exact, prefixes }
    }

    fn meaning(&self, asked: &str) -> Option<Meaning> {
        let exact = self.exact.binary_search_by(|(name, _)| name.as_str().cmp(asked)).ok();
        let found = match exact {
            Some(index) => self.exact.get(index),
            None if asked.chars().any(char::is_control) => None,
            None => self.prefixes.iter().find(|(prefix, _)| asked.starts_with(prefix.as_str())),
        };
        found.map(|(_, meaning)| *meaning)
    }
}
