use std::fs;

use super::*;

const STORE: StoreId = StoreId([6; 16]);

struct Scratch {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

fn created() -> Scratch {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("secrets");
    Secrets::create(&path, STORE, None).expect("created");
    Scratch {
        _directory: directory,
        path,
    }
}

fn open(scratch: &Scratch) -> Secrets {
    Secrets::open(&scratch.path, STORE, None).expect("opened")
}

fn all_keys(secrets: &Secrets) -> Vec<Option<SecretKey>> {
    let slots = 0..secrets.end().0;
    slots
        .map(|slot| secrets.subject_key(SubjectSlot(slot)))
        .collect()
}

#[test]
fn keys_are_the_same_after_reopening_and_all_different() {
    let scratch = created();
    let secrets = open(&scratch);
    secrets.ensure(SubjectSlot(BLOCK_SLOTS)).expect("extended");
    assert_eq!(secrets.end(), SubjectSlot(2 * BLOCK_SLOTS));
    let before = all_keys(&secrets);
    let again = open(&scratch);
    assert_eq!(all_keys(&again), before);
    assert_eq!(again.shop_key(), secrets.shop_key());
    assert_eq!(again.id_key(), secrets.id_key());
    let mut distinct: Vec<[u8; 32]> = before.iter().flatten().map(|key| key.0).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), before.len());
}

#[test]
fn a_destroyed_key_is_gone_from_memory_and_disk_for_good() {
    let scratch = created();
    let secrets = open(&scratch);
    let slot = SubjectSlot(7);
    let key = secrets.subject_key(slot).expect("drawn at creation");
    secrets.destroy(slot).expect("destroyed");
    secrets.destroy(slot).expect("again");
    assert!(secrets.is_destroyed(slot) && secrets.subject_key(slot).is_none());
    let bytes = fs::read(&scratch.path).expect("read");
    assert!(!bytes.windows(32).any(|window| window == key.as_bytes()));
    let again = open(&scratch);
    assert!(again.is_destroyed(slot));
    assert!(!again.is_destroyed(SubjectSlot(8)));
}

#[test]
fn the_anonymous_key_and_slots_without_a_key_are_not_destroyed() {
    let secrets = Secrets::derived([1; 32]);
    let anonymous = secrets.destroy(SubjectSlot::ANONYMOUS);
    assert!(matches!(anonymous, Err(SecretsError::Anonymous)));
    let beyond = secrets.destroy(SubjectSlot(BLOCK_SLOTS));
    assert!(matches!(beyond, Err(SecretsError::NoSuchSlot { .. })));
    let limit = secrets.ensure(SubjectSlot(SLOT_LIMIT));
    assert!(matches!(limit, Err(SecretsError::BeyondLimit { .. })));
}

#[test]
fn keys_of_a_seed_are_reproducible() {
    let (one, same, other) = ([1; 32], [1; 32], [2; 32]);
    assert_eq!(
        all_keys(&Secrets::derived(one)),
        all_keys(&Secrets::derived(same))
    );
    assert_ne!(
        all_keys(&Secrets::derived(one)),
        all_keys(&Secrets::derived(other))
    );
}

#[test]
fn a_given_shop_key_is_kept_and_must_stay_the_same() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let path = directory.path().join("secrets");
    let given = SecretKey::from_bytes([3; 32]);
    Secrets::create(&path, STORE, Some(given.clone())).expect("created");
    let secrets = Secrets::open(&path, STORE, Some(&given)).expect("the same key");
    assert_eq!(*secrets.shop_key(), given);
    let other = Secrets::open(&path, STORE, Some(&SecretKey::from_bytes([4; 32])));
    assert!(matches!(other, Err(SecretsError::OtherShopKey { .. })));
}

#[test]
fn a_flipped_bit_is_refused_or_changes_nothing() {
    let scratch = created();
    let keys = all_keys(&open(&scratch));
    let original = fs::read(&scratch.path).expect("read");
    let everywhere = (0..original.len() * 8).step_by(9_973);
    let identity_and_extents = [0..92, 1024..1052, 2048..2076];
    let bits = identity_and_extents
        .into_iter()
        .flatten()
        .map(|byte| byte * 8 + byte % 8);
    let (mut refused, mut harmless) = (0, 0);
    for bit in bits.chain(everywhere) {
        let mut bytes = original.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&scratch.path, &bytes).expect("written");
        match Secrets::open(&scratch.path, STORE, None) {
            Ok(secrets) => {
                assert_eq!(all_keys(&secrets), keys, "bit {bit}");
                harmless += 1;
            }
            Err(error) => {
                assert!(matches!(error, SecretsError::Damaged { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && harmless > 0);
}

#[test]
fn a_file_cut_short_is_refused_at_any_length() {
    let scratch = created();
    open(&scratch)
        .ensure(SubjectSlot(BLOCK_SLOTS))
        .expect("extended");
    let original = fs::read(&scratch.path).expect("read");
    let one_block = 4096 + 64 * BLOCK_SLOTS as usize;
    for length in [
        0,
        90,
        1030,
        4096,
        one_block - 1,
        one_block,
        original.len() - 1,
    ] {
        fs::write(&scratch.path, &original[..length]).expect("written");
        let error = Secrets::open(&scratch.path, STORE, None).expect_err("it is cut short");
        assert!(
            matches!(error, SecretsError::Damaged { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_block_whose_extent_is_unreadable_still_counts() {
    let scratch = created();
    let secrets = open(&scratch);
    secrets.ensure(SubjectSlot(BLOCK_SLOTS)).expect("extended");
    let keys = all_keys(&secrets);
    let mut bytes = fs::read(&scratch.path).expect("read");
    // Generation 2 is the newest and stands at 1024.
    bytes[1024 + 10] ^= 1;
    fs::write(&scratch.path, &bytes).expect("written");
    assert_eq!(all_keys(&open(&scratch)), keys);
    assert_eq!(all_keys(&open(&scratch)), keys, "the extent was mended");
}

#[test]
fn what_a_crash_left_behind_the_last_block_is_dropped() {
    let scratch = created();
    let keys = all_keys(&open(&scratch));
    let mut bytes = fs::read(&scratch.path).expect("read");
    let whole = bytes.len();
    bytes.extend_from_slice(&[0xAA; 1000]);
    fs::write(&scratch.path, &bytes).expect("written");
    let secrets = open(&scratch);
    assert_eq!(all_keys(&secrets), keys);
    assert_eq!(
        fs::metadata(&scratch.path).expect("there").len(),
        whole as u64
    );
    secrets.ensure(SubjectSlot(BLOCK_SLOTS)).expect("extended");
    assert_eq!(all_keys(&open(&scratch)), all_keys(&secrets));
}
