//! Compiles the wire contract and the stored format: protox is a protobuf
//! compiler in Rust, so the machine needs none.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

const WIRE: &[&str] = &[
    "promobandit/v1/common.proto",
    "promobandit/v1/offer_service.proto",
    "promobandit/v1/reward_service.proto",
    "promobandit/v1/catalog_service.proto",
    "promobandit/v1/ledger_service.proto",
];
const STORED: &[&str] = &["promobandit/ledger/v1/event.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);

    let wire = protox::compile(WIRE, ["proto"])?;
    fs::write(
        out_dir.join("wire.bin"),
        prost::Message::encode_to_vec(&wire),
    )?;
    tonic_prost_build::configure()
        .build_transport(true)
        .compile_fds(wire)?;

    let stored = protox::compile(STORED, ["proto"])?;
    tonic_prost_build::configure()
        .build_client(false)
        .build_server(false)
        .compile_fds(stored)?;
    Ok(())
}
