//! Values in numbered places that are used again.

/// See the module.
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    vacant: Vec<usize>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(crate) fn insert(&mut self, value: T) -> usize {
        match self.vacant.pop() {
            Some(no) => {
                self.places[no] = Some(value);
                no
            }
            None => {
                self.places.push(Some(value));
                self.places.len() - 1
            }
        }
    }

    pub(crate) fn remove(&mut self, no: usize) -> T {
        let value = self.places[no].take();
        self.vacant.push(no);
        value.expect("the number is in use")
    }

    pub(crate) fn get_mut(&mut self, no: usize) -> Option<&mut T> {
        self.places.get_mut(no)?.as_mut()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.places
            .iter()
            .enumerate()
            .filter_map(|(no, value)| Some((no, value.as_ref()?)))
    }
}

impl<T> std::ops::Index<usize> for Slab<T> {
    type Output = T;

    fn index(&self, no: usize) -> &T {
        self.places[no].as_ref().expect("the number is in use")
    }
}

impl<T> std::ops::IndexMut<usize> for Slab<T> {
    fn index_mut(&mut self, no: usize) -> &mut T {
        self.places[no].as_mut().expect("the number is in use")
    }
}
