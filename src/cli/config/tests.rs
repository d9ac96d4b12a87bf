use super::*;
use crate::catalog::starter::STARTER_TOML;

fn read(text: &str) -> Result<Config, ConfigError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.toml");
    std::fs::write(&path, text).expect("a file");
    Config::read(&path)
}

fn refusal(text: &str) -> String {
    match read(text) {
        Ok(config) => panic!("{text} was taken for {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_empty_file_says_nothing() {
    let config = read("").expect("a configuration");
    assert_eq!(config.listen.to_string(), DEFAULT_LISTEN);
    assert_eq!(config.data_dir, Path::new(DEFAULT_DATA_DIR));
    assert!(config.catalog.is_none());
}

#[test]
fn a_catalogue_file_is_a_configuration() {
    let config = read(STARTER_TOML).expect("the starter catalogue");
    assert_eq!(config.catalog, Some(catalog::starter::starter()));
}

#[test]
fn every_key_is_read() {
    let sections = "
        [server]
        listen = '[::1]:0'
        reflection = true
        max_concurrent_calls = 10
        max_streams_per_connection = 20
        call_timeout = '2s'
        drain_timeout = '0s'
        [ledger]
        data_dir = '/srv/promobandit'
        durability = 'async'
        async_sync_interval = '20ms'
        queue_limit_bytes = 1048576
        checkpoint_every_events = 5000
        cache_bytes = 2097152
        [shop]
        id = 'south'
        seed = 7
    ";
    // The catalogue's last table must not swallow the sections' keys.
    let config = read(&format!("{STARTER_TOML}\n{sections}")).expect("a configuration");
    assert_eq!(config.listen.to_string(), "[::1]:0");
    assert!(config.service.reflection);
    assert_eq!(config.service.max_concurrent_calls, 10);
    assert_eq!(config.service.max_streams_per_connection, 20);
    assert_eq!(config.service.call_timeout, Duration::from_secs(2));
    assert_eq!(config.service.drain_timeout, Duration::ZERO);
    assert_eq!(config.data_dir, Path::new("/srv/promobandit"));
    let sync_interval = Duration::from_millis(20);
    assert_eq!(
        config.engine.durability,
        Durability::Async { sync_interval }
    );
    assert_eq!(config.engine.queue_limit_bytes, 1_048_576);
    assert_eq!(config.engine.checkpoint_every_events, 5_000);
    assert_eq!(config.cache_bytes, 2_097_152);
    assert_eq!(config.engine.shop_id, "south");
    assert_eq!(config.seed, Some(7));
    assert!(config.catalog.is_some());
}

#[test]
fn every_fault_names_line_key_value_and_bound() {
    for (text, told) in [
        (
            "[server]\nlisten = '0.0.0.0:7117'",
            "line 2: server.listen is \"0.0.0.0:7117\": must be a loopback address",
        ),
        (
            "[server]\nlisten = 'localhost'",
            "line 2: server.listen is \"localhost\": must be a loopback address",
        ),
        (
            "[server]\nlistn = '127.0.0.1:1'",
            "did you mean \"listen\"?",
        ),
        ("[servr]\n", "did you mean \"server\"?"),
        (
            "[server]\nreflection = 'yes'",
            "line 2: server.reflection: invalid type: string \"yes\", expected a boolean",
        ),
        (
            "\n[server]\nmax_concurrent_calls = 0",
            "line 3: server.max_concurrent_calls is 0: must be from 1 to 1000000",
        ),
        (
            "[server]\ncall_timeout = '1ms'",
            "line 2: server.call_timeout is \"1ms\": must be a length of time from 10ms to 10min",
        ),
        (
            "[server]\ncall_timeout = '2 s'",
            "server.call_timeout is \"2 s\"",
        ),
        (
            "[ledger]\ndurability = 'sometimes'",
            "line 2: ledger.durability is \"sometimes\": must be \"group\" or \"async\"",
        ),
        (
            "[ledger]\nasync_sync_interval = '1s'",
            "line 2: ledger.async_sync_interval: has no meaning unless durability is \"async\"",
        ),
        (
            "[ledger]\nqueue_limit_bytes = 10",
            "ledger.queue_limit_bytes is 10: must be from 1048576",
        ),
        ("[shop]\nid = ''", "line 2: shop.id is \"\": must have 1 to"),
        (
            "[shop]\nseed = -1",
            "line 2: shop.seed is -1: must be from 0",
        ),
        ("server = 3", "line 1: server: invalid type: integer `3`"),
        ("catalog_file = 3", "line 1: catalog_file: must be the name"),
        ("[server", "is not TOML"),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(told), "{refusal}\ndoes not tell\n{told}");
        assert!(refusal.contains("shop.toml"), "{refusal} names no file");
    }
}

#[test]
fn faults_of_catalogue_and_sections_come_together() {
    let text = format!("{STARTER_TOML}\n[[offer]]\nid = 'x'\n[server]\nlisten = 'x'\n[shp]\n");
    let refusal = refusal(&text);
    assert!(refusal.contains("has 3 faults"), "{refusal}");
    assert!(refusal.contains("server.listen is \"x\""), "{refusal}");
    assert!(refusal.contains("did you mean \"shop\"?"), "{refusal}");
}

#[test]
fn the_catalogue_may_stand_in_a_file_of_its_own() {
    let directory = tempfile::tempdir().expect("a directory");
    let (config, other) = (
        directory.path().join("a.toml"),
        directory.path().join("b.toml"),
    );
    std::fs::write(&config, "catalog_file = 'b.toml'").expect("a file");
    let missing = Config::read(&config).expect_err("no such file").to_string();
    assert!(missing.contains("b.toml cannot be read"), "{missing}");
    std::fs::write(&other, STARTER_TOML).expect("a file");
    let read = Config::read(&config).expect("a configuration");
    assert_eq!(read.catalog, Some(catalog::starter::starter()));
    std::fs::write(&other, "[server]").expect("a file");
    let wrong = Config::read(&config).expect_err("no catalogue").to_string();
    assert!(wrong.contains("b.toml has"), "{wrong}");
    let both = refusal(&format!("catalog_file = 'b.toml'\n{STARTER_TOML}"));
    assert!(both.contains("catalog_file: must not be set"), "{both}");
}

#[test]
fn a_shop_key_is_read_from_a_file_beside_and_never_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("shop.toml");
    std::fs::write(&path, "[shop]\nkey_file = 'shop.key'").expect("a file");
    std::fs::write(
        directory.path().join("shop.key"),
        format!("{}\n", "0f".repeat(32)),
    )
    .expect("a file");
    let config = Config::read(&path).expect("a configuration");
    let key = config.shop_key.clone().expect("a key");
    assert_eq!(*key.as_bytes(), [0x0f; 32]);
    assert!(!format!("{config:?}").contains("15, 15"));
    std::fs::write(directory.path().join("shop.key"), "0f0f").expect("a file");
    let refusal = Config::read(&path).expect_err("no key").to_string();
    assert!(refusal.contains("shop.key holds no key"), "{refusal}");
}
