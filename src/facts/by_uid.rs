//! A map by uid for the parts of a tree: in most trees these are few, and it holds no more than they need.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::meta::Uid;

/// Values by uid, in order. It is stored as any map is.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "BTreeMap<Uid, T>")]
pub struct ByUid<T>(Vec<(Uid, T)>);

impl<T> Default for ByUid<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Clone> ByUid<Arc<T>> {
    /// The one of `uid`, to be changed: a copy of it if anything else shares it.
    pub fn make_mut(&mut self, uid: Uid) -> Option<&mut T> {
        self.get_mut(uid).map(Arc::make_mut)
    }
}

impl<T> ByUid<T> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Uid, &T)> {
        self.0.iter().map(|(uid, value)| (uid, value))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Uid, &mut T)> {
        self.0.iter_mut().map(|(uid, value)| (&*uid, value))
    }

    /// Those values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The one of `uid`.
    #[must_use]
    pub fn get(&self, uid: Uid) -> Option<&T> {
        let at = self.place(uid).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, uid: Uid) -> Option<&mut T> {
        let at = self.place(uid).ok()?;
        self.0.get_mut(at).map(|(_, value)| value)
    }

    /// Adds one; returns what was there of that uid.
    pub fn insert(&mut self, uid: Uid, value: T) -> Option<T> {
        match self.place(uid) {
            Ok(at) => self.0.get_mut(at).map(|(_, known)| std::mem::replace(known, value)),
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    // A quarter more, and no more than one where there are few.
                    self.0.reserve_exact(1 + self.0.len() / 4);
                }
                self.0.insert(at, (uid, value));
                None
            }
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, uid: Uid) -> Option<T> {
        let at = self.place(uid).ok()?;
        let (_, value) = self.0.remove(at);
        if self.0.len() < self.0.capacity() / 2 {
            self.0.shrink_to(self.0.len() + self.0.len() / 4);
        }
        Some(value)
    }

    fn place(&self, uid: Uid) -> Result<usize, usize> {
        self.0.binary_search_by_key(&uid, |(known, _)| *known)
    }
}

impl<T> Extend<(Uid, T)> for ByUid<T> {
    fn extend<I: IntoIterator<Item = (Uid, T)>>(&mut self, all: I) {
        for (uid, value) in all {
            self.insert(uid, value);
        }
    }
}

impl<T> FromIterator<(Uid, T)> for ByUid<T> {
    fn from_iter<I: IntoIterator<Item = (Uid, T)>>(all: I) -> Self {
        let mut by_uid = Self::default();
        by_uid.extend(all);
        by_uid
    }
}

impl<T> IntoIterator for ByUid<T> {
    type Item = (Uid, T);
    type IntoIter = std::vec::IntoIter<(Uid, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: Serialize> Serialize for ByUid<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<T> From<BTreeMap<Uid, T>> for ByUid<T> {
    fn from(all: BTreeMap<Uid, T>) -> Self {
        Self(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_in_order_and_is_stored_as_one(
            steps in prop::collection::vec((1_u128..20, any::<Option<u8>>()), 0..60)
        ) {
            let (mut all, mut known) = (ByUid::default(), BTreeMap::new());
            for (number, value) in steps {
                let uid = Uid::new(number).unwrap();
                match value {
                    Some(value) => prop_assert_eq!(all.insert(uid, value), known.insert(uid, value)),
                    None => prop_assert_eq!(all.remove(uid), known.remove(&uid)),
                }
                prop_assert_eq!(all.get(uid), known.get(&uid));
                prop_assert!(all.0.capacity() <= 2 + all.len() * 2, "{} of {}", all.0.capacity(), all.len());
            }
            prop_assert!(all.iter().eq(known.iter()));
            let stored = postcard::to_allocvec(&all).unwrap();
            prop_assert_eq!(&stored, &postcard::to_allocvec(&known).unwrap());
            let read: ByUid<u8> = postcard::from_bytes(&stored).unwrap();
            prop_assert!(read.iter().eq(all.iter()));
        }
    }
}
