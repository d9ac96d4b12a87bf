//! The generated types of `proto/`. Only `service/wire` and the client side of
//! the command line read the wire's; only `ledger/codec` reads the stored ones.

#![allow(missing_docs, clippy::all, clippy::pedantic)]

/// `google.type`.
pub mod google {
    /// `google.type`: money.
    pub mod r#type {
        include!(concat!(env!("OUT_DIR"), "/google.r#type.rs"));
    }
}

/// `promobandit.v1`: the wire.
pub mod promobandit {
    /// The wire contract.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/promobandit.v1.rs"));

        /// The compiled descriptors, for reflection.
        pub const FILE_DESCRIPTOR_SET: &[u8] =
            include_bytes!(concat!(env!("OUT_DIR"), "/wire.bin"));
    }

    /// The stored format.
    pub mod ledger {
        /// Version 1 of it.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/promobandit.ledger.v1.rs"));
        }
    }
}
