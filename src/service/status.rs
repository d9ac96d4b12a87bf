//! What a caller sees of an error: the one place where errors of the engine
//! become statuses.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use crate::catalog::CatalogFaults;
use crate::catalog::edit::EditError;
use crate::engine::ImportError;
use crate::engine::choose::ChooseError;
use crate::engine::committer::CommitError;
use crate::engine::fault::FieldFault;
use crate::engine::lift::LiftError;
use crate::engine::policies::PolicyUpdateError;
use crate::engine::price::PriceError;
use crate::engine::priors::{MOST_REWARDS, PriorError};
use crate::engine::record::RecordError;
use crate::engine::revise::ReviseError;
use crate::engine::verify::VerifyError;
use crate::engine::view::LookupError;
use crate::proto::promobandit::v1;

/// The domain of every reason.
pub const DOMAIN: &str = "promobandit";

/// So many faults of a catalogue are told; more would not fit a status.
const MOST_FAULTS: usize = 20;

/// After a full queue: a few commits later.
const RETRY_WHEN_FULL: Duration = Duration::from_millis(100);
/// After a shutdown or before a start: when another process is there.
const RETRY_WHEN_AWAY: Duration = Duration::from_secs(1);

/// Why a call is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    reason: &'static str,
    message: String,
    violations: Vec<FieldFault>,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            violations: Vec::new(),
            retry_after: None,
        }
    }

    fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    fn about(mut self, fault: FieldFault) -> Self {
        self.violations.push(fault);
        self
    }

    /// Fields that do not hold.
    pub fn fields(faults: Vec<FieldFault>) -> Self {
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let mut refusal = Self::new(Code::InvalidArgument, "FIELD_INVALID", told.join("; "));
        refusal.violations = faults;
        refusal
    }

    /// The engine is not there yet.
    pub fn starting() -> Self {
        let message = "the service is starting: it recovers its state from the ledger";
        Self::new(Code::Unavailable, "STARTING", message).retry_after(RETRY_WHEN_AWAY)
    }

    /// The service goes down.
    pub fn draining(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, "DRAINING", message).retry_after(RETRY_WHEN_AWAY)
    }

    /// There is no catalogue to read.
    pub fn no_catalog() -> Self {
        Self::new(
            Code::Unavailable,
            "CATALOG_MISSING",
            "there is no catalogue yet",
        )
        .retry_after(RETRY_WHEN_AWAY)
    }

    /// As many calls are under way as may be.
    pub fn too_many_calls(most: usize) -> Self {
        let message = format!("{most} calls are under way, at most {most} may be");
        Self::new(Code::ResourceExhausted, "TOO_MANY_CALLS", message).retry_after(RETRY_WHEN_FULL)
    }

    /// The call's time is up.
    pub fn deadline_exceeded(after: Duration) -> Self {
        let message = format!(
            "there was no answer within {after:?}; a retry with the same id tells whether the \
             call was recorded"
        );
        Self::new(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
    }

    /// What only one caller at a time can have is being done for another.
    pub fn under_way(reason: &'static str, what: &str) -> Self {
        let message = format!("{what} for another caller, one runs at a time");
        Self::new(Code::ResourceExhausted, reason, message).retry_after(RETRY_WHEN_AWAY)
    }

    /// Something of the catalogue that is not there.
    pub fn not_in_catalog(reason: &'static str, fault: FieldFault) -> Self {
        Self::new(Code::NotFound, reason, fault.to_string()).about(fault)
    }

    /// A bug: a thread of ours ended without an answer.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, "INTERNAL", message)
    }

    /// As one event of a batch carries it.
    pub fn into_reward_error(self) -> v1::RewardError {
        v1::RewardError {
            code: self.code.into(),
            reason: self.reason.to_owned(),
            message: self.message,
            field_violations: self
                .violations
                .iter()
                .map(|fault| v1::RewardFieldViolation {
                    field: fault.field.clone(),
                    description: fault.to_string(),
                })
                .collect(),
        }
    }

    /// Other content under an id that was used.
    fn other_content(message: String, fields: &[&'static str]) -> Self {
        let mut refusal = Self::new(Code::AlreadyExists, "CONTENT_DIFFERS", message);
        let expected = "the content that the id was first used with";
        refusal.violations = fields
            .iter()
            .map(|field| FieldFault::new(*field, "different", expected))
            .collect();
        refusal
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(refusal.reason, DOMAIN, HashMap::new());
        if !refusal.violations.is_empty() {
            let violations: Vec<FieldViolation> = refusal
                .violations
                .iter()
                .map(|fault| FieldViolation::new(fault.field.clone(), fault.to_string()))
                .collect();
            details.set_bad_request(violations);
        }
        if refusal.retry_after.is_some() {
            details.set_retry_info(refusal.retry_after);
        }
        Self::with_error_details(refusal.code, refusal.message, details)
    }
}

impl From<Vec<FieldFault>> for Refusal {
    fn from(faults: Vec<FieldFault>) -> Self {
        Self::fields(faults)
    }
}

impl From<ChooseError> for Refusal {
    fn from(error: ChooseError) -> Self {
        let message = error.to_string();
        match error {
            ChooseError::Invalid(faults) => Self::fields(faults),
            ChooseError::UnknownPlacement { placement, nearest } => {
                let expected = match nearest {
                    Some(nearest) => format!("a placement of the catalogue, perhaps {nearest:?}"),
                    None => "a placement of the catalogue".to_owned(),
                };
                let value = format!("{placement:?}");
                Self::new(Code::NotFound, "PLACEMENT_NOT_FOUND", message).about(FieldFault::new(
                    "placement",
                    value,
                    expected,
                ))
            }
            ChooseError::OtherContent { fields, .. } => Self::other_content(message, &fields),
            ChooseError::NoCatalog => Self::no_catalog(),
            ChooseError::Commit(error) => error.into(),
            ChooseError::Lookup(error) => error.into(),
            ChooseError::Key(_) => Self::new(Code::Internal, "KEY_UNAVAILABLE", message),
        }
    }
}

impl From<PriceError> for Refusal {
    fn from(error: PriceError) -> Self {
        match error {
            PriceError::Invalid(faults) => Self::fields(faults),
            PriceError::Lookup(error) => error.into(),
        }
    }
}

impl From<ReviseError> for Refusal {
    fn from(error: ReviseError) -> Self {
        let message = error.to_string();
        match error {
            ReviseError::Edit(error) => error.into(),
            ReviseError::Faults(faults) => faults.into(),
            ReviseError::NoCatalog => Self::no_catalog(),
            ReviseError::Commit(error) => error.into(),
            ReviseError::Encode(_) => Self::internal(message),
        }
    }
}

impl From<ImportError> for Refusal {
    fn from(error: ImportError) -> Self {
        let message = error.to_string();
        match error {
            ImportError::Faults(faults) => faults.into(),
            ImportError::Commit(error) => error.into(),
            ImportError::Encode(_) => Self::internal(message),
        }
    }
}

impl From<PolicyUpdateError> for Refusal {
    fn from(error: PolicyUpdateError) -> Self {
        let message = error.to_string();
        match error {
            PolicyUpdateError::Unknown { kind, id } => {
                let (reason, field) = match kind {
                    "placement" => ("PLACEMENT_NOT_FOUND", "placement"),
                    "segment" => ("SEGMENT_NOT_FOUND", "segment"),
                    _ => ("OFFER_NOT_FOUND", "offer_id"),
                };
                let expected = format!("the id of a {kind} of the catalogue");
                let fault = FieldFault::new(field, format!("{id:?}"), expected);
                Self::not_in_catalog(reason, fault)
            }
            PolicyUpdateError::Faults(faults) => faults.into(),
            PolicyUpdateError::Commit(error) => error.into(),
            PolicyUpdateError::Encode(_) => Self::internal(message),
        }
    }
}

impl From<PriorError> for Refusal {
    fn from(error: PriorError) -> Self {
        let message = error.to_string();
        match error {
            PriorError::UnknownPlacement(id) => {
                let expected = "the id of a placement of the catalogue";
                let fault = FieldFault::new("placement", format!("{id:?}"), expected);
                Self::not_in_catalog("PLACEMENT_NOT_FOUND", fault)
            }
            PriorError::Split(_) => Self::new(Code::FailedPrecondition, "POLICY_SPLIT", message),
            PriorError::Faults(faults) => {
                let faults = faults.into_iter().map(|fault| {
                    let field = format!("rewards[{}].{}", fault.index, fault.field);
                    FieldFault::new(field, fault.value, fault.expected)
                });
                Self::fields(faults.collect())
            }
            PriorError::TooMany { found } => Self::fields(vec![FieldFault::new(
                "rewards",
                format!("{found} rewards over all segments"),
                format!("at most {MOST_REWARDS}; make several imports, each with an id"),
            )]),
            PriorError::Commit(error) => error.into(),
        }
    }
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        let message = error.to_string();
        let fault = |field: &str, value: String, expected: &str| {
            vec![FieldFault::new(field, value, expected)]
        };
        let (code, reason) = match error {
            EditError::Content { reason, .. } => {
                let expected = "an entry in the catalogue file's form, as JSON";
                return Self::fields(fault("document_json", reason, expected));
            }
            EditError::Path { path } => {
                let expected = "a field of the entry, such as schedule.ends_at, and not its id";
                return Self::fields(fault("update_mask", format!("{path:?}"), expected));
            }
            EditError::NotFound { .. } => (Code::NotFound, "ENTRY_NOT_FOUND"),
            EditError::Exists { .. } => (Code::AlreadyExists, "ENTRY_EXISTS"),
            EditError::Conflict { .. } => (Code::Aborted, "ETAG_DIFFERS"),
            EditError::Step { .. } => (Code::FailedPrecondition, "STATUS_FORBIDS"),
            EditError::OwnApproval { .. } => (Code::FailedPrecondition, "OWN_APPROVAL"),
            EditError::Anonymous { .. } => (Code::FailedPrecondition, "ACTOR_MISSING"),
            EditError::NotADraft { .. } => (Code::FailedPrecondition, "NOT_A_DRAFT"),
            EditError::NotApproved { .. } => (Code::FailedPrecondition, "APPROVAL_LACKING"),
        };
        Self::new(code, reason, message)
    }
}

impl From<CatalogFaults> for Refusal {
    /// Every fault is a violation of its own, up to a message's size.
    fn from(faults: CatalogFaults) -> Self {
        let count = faults.faults().len();
        let told: Vec<FieldFault> = faults
            .faults()
            .iter()
            .take(MOST_FAULTS)
            .map(|fault| {
                let path = fault.path.to_string();
                FieldFault::new(path, fault, "a catalogue without this fault")
            })
            .collect();
        let words: Vec<String> = faults
            .faults()
            .iter()
            .take(MOST_FAULTS)
            .map(ToString::to_string)
            .collect();
        let message = format!(
            "the catalogue would have {count} faults: {}",
            words.join("; ")
        );
        let mut refusal = Self::new(Code::InvalidArgument, "CATALOG_FAULTS", message);
        refusal.violations = told;
        refusal
    }
}

impl From<RecordError> for Refusal {
    fn from(error: RecordError) -> Self {
        let message = error.to_string();
        match error {
            RecordError::Invalid(faults) => Self::fields(faults),
            RecordError::NotFound(fault) => {
                let reason = match fault.field.as_str() {
                    "order_id" => "ORDER_NOT_FOUND",
                    "reverses_event_id" => "PURCHASE_NOT_FOUND",
                    _ => "DECISION_NOT_FOUND",
                };
                Self::new(Code::NotFound, reason, message).about(fault)
            }
            RecordError::Precondition(fault) => {
                Self::new(Code::FailedPrecondition, "CONTRADICTS_RECORD", message).about(fault)
            }
            RecordError::OtherContent { fields, .. } => Self::other_content(message, &fields),
            RecordError::Commit(error) => error.into(),
            RecordError::Lookup(error) => error.into(),
            RecordError::Key(_) => Self::new(Code::Internal, "KEY_UNAVAILABLE", message),
        }
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        let message = error.to_string();
        match error {
            CommitError::Full { .. } => Self::new(Code::ResourceExhausted, "QUEUE_FULL", message)
                .retry_after(RETRY_WHEN_FULL),
            CommitError::TooLarge { .. } => {
                Self::new(Code::InvalidArgument, "EVENT_TOO_LARGE", message)
            }
            CommitError::Draining => Self::draining(message),
            // What the disk said is for the operator, who finds it in the log.
            CommitError::Ledger(_) => {
                let message = "the ledger failed and the service stops; a retry with the same id \
                               tells whether the call was recorded";
                Self::new(Code::Unavailable, "LEDGER_FAILED", message).retry_after(RETRY_WHEN_AWAY)
            }
        }
    }
}

impl From<LookupError> for Refusal {
    fn from(error: LookupError) -> Self {
        let message = error.to_string();
        match error {
            LookupError::NoSuchDecision { id } => {
                Self::new(Code::NotFound, "DECISION_NOT_FOUND", message).about(FieldFault::new(
                    "decision_id",
                    id,
                    "the id of a decision of this service",
                ))
            }
            LookupError::Read(_)
            | LookupError::Decode { .. }
            | LookupError::OtherKind { .. }
            | LookupError::NoCatalog(_)
            | LookupError::Unseal(_) => Self::new(Code::DataLoss, "LEDGER_DAMAGED", message),
            LookupError::Key(_) => Self::new(Code::Internal, "KEY_UNAVAILABLE", message),
        }
    }
}

impl From<LiftError> for Refusal {
    fn from(error: LiftError) -> Self {
        let message = error.to_string();
        match error {
            LiftError::UnknownPlacement { placement, .. } => {
                let expected = "the id of a placement of the catalogue in force";
                let fault = FieldFault::new("placement", placement, expected);
                Self::new(Code::NotFound, "PLACEMENT_NOT_FOUND", message).about(fault)
            }
            LiftError::NoSplit { placement, .. } => {
                let expected = "a placement whose policy is a split";
                let fault = FieldFault::new("placement", placement, expected);
                Self::new(Code::FailedPrecondition, "NO_SPLIT", message).about(fault)
            }
            LiftError::UnknownArm { arm, .. } => {
                let fault = FieldFault::new("against_arm", arm, "an arm of the split");
                Self::new(Code::NotFound, "ARM_NOT_FOUND", message).about(fault)
            }
            LiftError::Read(_) | LiftError::Decode { .. } => {
                Self::new(Code::DataLoss, "LEDGER_DAMAGED", message)
            }
        }
    }
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        let message = error.to_string();
        match error {
            VerifyError::Read(_) | VerifyError::Decode { .. } | VerifyError::Fold(_) => {
                Self::new(Code::DataLoss, "LEDGER_DAMAGED", message)
            }
            VerifyError::GivenUp { .. } => Self::draining(message),
        }
    }
}
