//! Feature gates: what is not for everybody yet, with the Collector's rules; pure.
//!
//! Gates that the Collector has too bear its names and mean the same.

use std::collections::BTreeSet;

use crate::text::putln;

/// How far a feature has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Off, unless asked for.
    Alpha,
    /// On, unless refused.
    Beta,
    /// On for good.
    Stable,
    /// Off for good.
    Deprecated,
}

impl Stage {
    const fn name(self) -> &'static str {
        match self {
            Self::Alpha => "Alpha",
            Self::Beta => "Beta",
            Self::Stable => "Stable",
            Self::Deprecated => "Deprecated",
        }
    }

    const fn is_on(self) -> bool {
        matches!(self, Self::Beta | Self::Stable)
    }
}

/// A feature that can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// `component.feature`
    pub id: &'static str,
    /// How far it has come.
    pub stage: Stage,
    /// What it does.
    pub description: &'static str,
    /// The version that had it first.
    pub from: &'static str,
    /// The version that has it last.
    pub to: Option<&'static str>,
}

/// Lists of later sources are added to those of earlier ones.
pub(super) const APPEND: &str = "confmap.enableMergeAppendOption";

/// Health is told as component status, with the keys of version 2.
pub(super) const COMPONENT_STATUS: &str = "extension.healthcheck.useComponentStatus";

/// Requests are put together by default.
pub(super) const BATCH: &str = "pkg.exporterhelper.queueBatchEnabled";

/// All of them, by their names.
const ALL: &[Gate] = &[
    Gate {
        id: APPEND,
        stage: Stage::Alpha,
        description: "Adds lists of extensions, receivers and exporters of later sources to those of earlier ones, in place of replacing them",
        from: "v0.1.0",
        to: None,
    },
    Gate {
        id: COMPONENT_STATUS,
        stage: Stage::Alpha,
        description: "Lets health_check tell the status of each component: {use_v2: true, http: {endpoint: localhost:13133, status: {path: /status}}, component_health: {include_permanent_errors: true, include_recoverable_errors: true, recovery_duration: 5m}}",
        from: "v0.1.0",
        to: None,
    },
    Gate {
        id: BATCH,
        stage: Stage::Alpha,
        description: "Puts requests together by default, as if sending_queue::batch were given",
        from: "v0.1.0",
        to: None,
    },
];

/// Which gates are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates {
    known: &'static [Gate],
    open: BTreeSet<&'static str>,
}

impl Default for Gates {
    fn default() -> Self {
        Self::of(ALL)
    }
}

impl Gates {
    fn of(known: &'static [Gate]) -> Self {
        let open = known.iter().filter(|gate| gate.stage.is_on()).map(|gate| gate.id);
        Self { known, open: open.collect() }
    }

    pub(super) fn is_open(&self, id: &str) -> bool {
        self.open.contains(id)
    }

    /// Switches as `+a,b,-c` says. Returns what a person should know.
    ///
    /// # Errors
    /// All that cannot be done, in the words of the Collector.
    pub(super) fn switch(&mut self, text: &str) -> Result<Vec<String>, Vec<String>> {
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        for (at, word) in text.split(',').enumerate().filter(|_| !text.is_empty()) {
            let (id, is_on) = match word.strip_prefix('-') {
                Some(id) => (id, false),
                None => (word.strip_prefix('+').unwrap_or(word), true),
            };
            if word.is_empty() {
                errors.push(format!("empty feature gate identifier at index {at}"));
                continue;
            }
            let Some(gate) = self.known.iter().find(|gate| gate.id == id) else {
                let valid: Vec<_> = self.known.iter().map(|gate| gate.id).collect();
                let valid = valid.join(" ");
                errors.push(format!("no such feature gate {id:?}. valid gates: [{valid}]"));
                continue;
            };
            let to = gate.to.unwrap_or("a later version");
            let (can, cannot) = match gate.stage {
                Stage::Stable => ("already enabled", "disabled"),
                Stage::Deprecated => ("already disabled", "enabled"),
                Stage::Alpha | Stage::Beta => {
                    if is_on {
                        self.open.insert(gate.id);
                    } else {
                        self.open.remove(gate.id);
                    }
                    continue;
                }
            };
            let stage = gate.stage.name().to_ascii_lowercase();
            if is_on == gate.stage.is_on() {
                warnings.push(format!(
                    "Feature gate {id:?} is {stage} and {can}. It will be removed in version {to}"
                ));
            } else {
                errors.push(format!("feature gate {id:?} is {stage}, can not be {cannot}"));
            }
        }
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }
}

/// The gates in the layout of the Collector's `featuregate`, or all of one.
///
/// # Errors
/// There is none of that name.
pub fn described(id: Option<&str>) -> Result<String, String> {
    let mut out = String::new();
    if let Some(id) = id {
        let gate = ALL.iter().find(|gate| gate.id == id);
        let Some(Gate { id, stage, description, from, to }) = gate else {
            return Err(format!("feature {id:?} not found"));
        };
        let (is_on, stage) = (stage.is_on(), stage.name());
        putln!(out, "Feature: {id}\nEnabled: {is_on}\nStage: {stage}\nDescription: {description}");
        putln!(out, "From Version: {from}");
        if let Some(to) = to {
            putln!(out, "To Version: {to}");
        }
        return Ok(out);
    }
    let width = ALL.iter().map(|gate| gate.id.len()).max().unwrap_or_default();
    putln!(out, "{:width$}  Enabled  Stage  Description", "ID");
    for Gate { id, stage, description, .. } in ALL {
        putln!(out, "{id:width$}  {:7}  {:5}  {description}", stage.is_on(), stage.name());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Gate] = &[
        Gate { id: "a.one", stage: Stage::Alpha, description: "", from: "v0.1.0", to: None },
        Gate { id: "b.two", stage: Stage::Beta, description: "", from: "v0.1.0", to: None },
        Gate {
            id: "c.old",
            stage: Stage::Stable,
            description: "",
            from: "v0.1.0",
            to: Some("v0.3.0"),
        },
        Gate {
            id: "d.no",
            stage: Stage::Deprecated,
            description: "",
            from: "v0.1.0",
            to: Some("v0.3.0"),
        },
    ];

    fn switched(text: &str) -> String {
        let mut gates = Gates::of(TABLE);
        match gates.switch(text) {
            Ok(warnings) => {
                let open: Vec<_> = gates.open.into_iter().collect();
                [vec![open.join(" ")], warnings].concat().join("\n")
            }
            Err(errors) => errors.join("\n"),
        }
    }

    #[test]
    fn gates_are_switched_by_the_rules_of_their_stage() {
        assert_eq!(switched(""), "b.two c.old");
        assert_eq!(switched("a.one,-b.two"), "a.one c.old");
        assert_eq!(switched("+a.one,+b.two,-a.one"), "b.two c.old");
        assert_eq!(
            switched("c.old,-d.no"),
            "b.two c.old\n\
             Feature gate \"c.old\" is stable and already enabled. It will be removed in version v0.3.0\n\
             Feature gate \"d.no\" is deprecated and already disabled. It will be removed in version v0.3.0"
        );
        assert_eq!(
            switched("-c.old,d.no,,x,-"),
            "feature gate \"c.old\" is stable, can not be disabled\n\
             feature gate \"d.no\" is deprecated, can not be enabled\n\
             empty feature gate identifier at index 2\n\
             no such feature gate \"x\". valid gates: [a.one b.two c.old d.no]\n\
             no such feature gate \"\". valid gates: [a.one b.two c.old d.no]"
        );
    }

    #[test]
    fn gates_stand_in_order_and_are_described() {
        assert!(ALL.is_sorted_by_key(|gate| gate.id));
        let all = described(None).unwrap();
        assert_eq!(all.lines().count(), 1 + ALL.len());
        for gate in ALL {
            assert!(all.contains(gate.id));
            assert!(described(Some(gate.id)).unwrap().contains("Stage: Alpha\n"));
        }
        assert_eq!(described(Some("x")).unwrap_err(), "feature \"x\" not found");
    }
}
