use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::{HashMap, HashMapExt, fast::FixedState};

/// Shards: enough that threads rarely meet at one lock.
const SHARDS: usize = 16;

/// A cache of decoded blocks with a budget in bytes, safe and quick to use from many threads.
///
/// Evicts with the clock algorithm: a block that was used since the hand last passed is spared once.
#[derive(Debug)]
pub struct BlockCache<K> {
    shards: Box<[Mutex<Shard<K>>]>,
    hasher: FixedState,
}

#[derive(Debug)]
struct Shard<K> {
    index: HashMap<K, usize>,
    slots: Vec<Slot<K>>,
    hand: usize,
    bytes: usize,
    budget: usize,
}

#[derive(Debug)]
struct Slot<K> {
    key: K,
    block: Arc<[u8]>,
    used: bool,
}

impl<K: Hash + Eq + Copy> BlockCache<K> {
    /// A cache that holds at most `budget` bytes of blocks.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        let shard =
            || Shard { index: HashMap::new(), slots: Vec::new(), hand: 0, bytes: 0, budget: budget / SHARDS };
        Self { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(), hasher: FixedState::default() }
    }

    fn shard(&self, key: &K) -> Option<&Mutex<Shard<K>>> {
        let hash = self.hasher.hash_one(key);
        // The top bits, since the shard's own map uses the low ones.
        self.shards.get(usize::try_from(hash >> 60).unwrap_or(0) % SHARDS)
    }

    /// The block of `key`, if it is here.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<Arc<[u8]>> {
        let mut shard = self.shard(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = shard.index.get(key).copied()?;
        let slot = shard.slots.get_mut(slot)?;
        slot.used = true;
        Some(Arc::clone(&slot.block))
    }

    /// Keeps `block` under `key`, evicting others. A block above the budget is not kept.
    pub fn insert(&self, key: K, block: Arc<[u8]>) {
        if let Some(shard) = self.shard(&key) {
            shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, block);
        }
    }

    /// The block of `key`, made by `make` when it is not here. Two threads may make the same block at once;
    /// neither waits for the other.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn get_or_insert<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<Arc<[u8]>, E>,
    ) -> Result<Arc<[u8]>, E> {
        if let Some(block) = self.get(&key) {
            return Ok(block);
        }
        let block = make()?;
        self.insert(key, Arc::clone(&block));
        Ok(block)
    }
}

impl<K: Hash + Eq + Copy> Shard<K> {
    fn insert(&mut self, key: K, block: Arc<[u8]>) {
        if block.len() > self.budget || self.index.contains_key(&key) {
            return;
        }
        while self.bytes.saturating_add(block.len()) > self.budget {
            self.evict();
        }
        self.bytes = self.bytes.saturating_add(block.len());
        self.index.insert(key, self.slots.len());
        self.slots.push(Slot { key, block, used: false });
    }

    /// Drops the next block under the hand that was not used since the hand last passed.
    fn evict(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            let Some(slot) = self.slots.get_mut(self.hand) else { return };
            if std::mem::take(&mut slot.used) {
                self.hand = self.hand.saturating_add(1);
                continue;
            }
            let gone = self.slots.swap_remove(self.hand);
            self.index.remove(&gone.key);
            if let Some(moved) = self.slots.get(self.hand) {
                self.index.insert(moved.key, self.hand);
            }
            self.bytes = self.bytes.saturating_sub(gone.block.len());
            return;
        }
    }
}
