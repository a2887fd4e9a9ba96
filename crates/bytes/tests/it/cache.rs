use std::sync::Arc;

use vminspect_bytes::BlockCache;

#[test]
fn stays_within_its_budget_and_keeps_what_is_used() {
    let budget = 16 * 10 * 100;
    let cache: BlockCache<u64> = BlockCache::new(budget);
    let block = |key: u64| -> Arc<[u8]> { vec![u8::try_from(key % 251).unwrap(); 100].into() };
    for key in 0..10_000 {
        cache.insert(key, block(key));
        // Key 5 is asked for all the time, and so is spared.
        assert!(key < 5 || cache.get(&5).is_some(), "after {key}");
    }
    let kept: Vec<u64> = (0..10_000).filter(|key| cache.get(key).is_some()).collect();
    assert!(kept.len() * 100 <= budget, "{}", kept.len());
    assert!(kept.len() > 100);
    for key in kept {
        assert_eq!(cache.get(&key).unwrap(), block(key));
    }
}

#[test]
fn makes_a_block_once_and_refuses_too_large_ones() {
    let cache: BlockCache<u64> = BlockCache::new(16 * 100);
    let made = cache.get_or_insert::<()>(1, || Ok(vec![1; 50].into())).unwrap();
    assert_eq!(cache.get_or_insert::<()>(1, || Err(())).unwrap(), made);
    assert!(cache.get_or_insert(2, || Err("no")).is_err());
    cache.insert(3, vec![0; 101].into());
    assert!(cache.get(&3).is_none());
}
