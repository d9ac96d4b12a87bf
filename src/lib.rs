//! promobandit chooses promotions and cross-sell offers, learns from what
//! shoppers then buy, and keeps a ledger from which every answer can be
//! explained, repeated and evaluated.
//!
//! Rooms are declared in reading order: vocabulary first, edges last. Each
//! room is one file with its contract beside a folder with its parts; who may
//! import whom is written down, and enforced, in `tests/architecture.rs`.

#![forbid(unsafe_code)]

pub mod domain;
pub mod promotion;
pub mod segment;
pub mod learning;
pub mod affinity;
pub mod catalog;
pub mod ledger;
pub mod engine;
pub mod evaluation;
pub mod simulation;
pub mod logs;
pub mod page;
pub mod service;
pub mod cli;

pub mod proto;
