//! The paths of a spec.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The paths of a spec, sorted. Workloads of one shape share them, and so do what is stored of them:
/// paths that have a number are stored by that number alone.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    number: Option<NonZeroU64>,
    all: Arc<[Box<str>]>,
}

/// How paths are written down.
#[derive(Serialize, Deserialize)]
enum Written<T> {
    All(T),
    Number(NonZeroU64),
}

impl Paths {
    /// Their number, if they have one.
    #[must_use]
    pub const fn number(&self) -> Option<NonZeroU64> {
        self.number
    }

    /// The same, known by a number.
    #[must_use]
    pub fn numbered(self, number: NonZeroU64) -> Self {
        Self { number: Some(number), ..self }
    }

    /// Whether nothing is known of them but their number. What has no paths has no number.
    #[must_use]
    pub fn is_number_alone(&self) -> bool {
        self.number.is_some() && self.all.is_empty()
    }

    /// All of them, without a number.
    #[must_use]
    pub const fn all(&self) -> &Arc<[Box<str>]> {
        &self.all
    }
}

impl From<Arc<[Box<str>]>> for Paths {
    fn from(all: Arc<[Box<str>]>) -> Self {
        Self { number: None, all }
    }
}

impl PartialEq for Paths {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Paths {}

impl Hash for Paths {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.all.hash(state);
    }
}

impl Serialize for Paths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number {
            Some(number) => Written::<&[Box<str>]>::Number(number),
            None => Written::All(&*self.all),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Written::<Arc<[Box<str>]>>::deserialize(deserializer)? {
            Written::All(all) => all.into(),
            Written::Number(number) => Self::default().numbered(number),
        })
    }
}
