//! The messages of a Substrait plan, with the numbers that substrait-io/substrait's `.proto` files give to their fields.
//! The numbers are the interface: from version 0.47 on, none of these has got another meaning. What is not taken is
//! [`Untaken`], so that it is refused by name; a field that is left out here changes no answer, and is skipped.

mod expressions;
mod functions;
mod literals;
mod relations;

use prost::Message;

pub use self::expressions::*;
pub use self::functions::*;
pub use self::literals::*;
pub use self::relations::*;

/// `substrait.Plan`.
#[derive(Clone, PartialEq, Message)]
pub struct Plan {
    /// Without URNs in plans of before 0.75.
    #[prost(message, repeated, tag = "1")]
    pub extension_uris: Vec<Extension>,
    #[prost(message, repeated, tag = "2")]
    pub extensions: Vec<ExtensionDeclaration>,
    #[prost(message, repeated, tag = "3")]
    pub relations: Vec<PlanRel>,
    #[prost(message, optional, tag = "4")]
    pub advanced_extensions: Option<AdvancedExtension>,
    #[prost(message, optional, tag = "6")]
    pub version: Option<Version>,
    #[prost(message, repeated, tag = "7")]
    pub parameter_bindings: Vec<ParameterBinding>,
    #[prost(message, repeated, tag = "8")]
    pub extension_urns: Vec<Extension>,
}

/// `SimpleExtensionURN`, and `SimpleExtensionURI` before it.
#[derive(Clone, PartialEq, Message)]
pub struct Extension {
    #[prost(uint32, tag = "1")]
    pub anchor: u32,
    #[prost(string, tag = "2")]
    pub name: String,
}

#[derive(Clone, PartialEq, Message)]
pub struct ExtensionDeclaration {
    #[prost(message, optional, tag = "3")]
    pub extension_function: Option<ExtensionFunction>,
}

#[derive(Clone, PartialEq, Message)]
pub struct ExtensionFunction {
    #[prost(uint32, tag = "1")]
    pub extension_uri_reference: u32,
    #[prost(uint32, tag = "2")]
    pub function_anchor: u32,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(uint32, tag = "4")]
    pub extension_urn_reference: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct PlanRel {
    #[prost(message, optional, tag = "2")]
    pub root: Option<RelRoot>,
}

#[derive(Clone, PartialEq, Message)]
pub struct RelRoot {
    #[prost(message, optional, tag = "1")]
    pub input: Option<Rel>,
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Version {
    #[prost(uint32, tag = "1")]
    pub major_number: u32,
    #[prost(uint32, tag = "2")]
    pub minor_number: u32,
    #[prost(uint32, tag = "3")]
    pub patch_number: u32,
}

#[derive(Clone, PartialEq, Message)]
pub struct ParameterBinding {
    #[prost(uint32, tag = "1")]
    pub parameter_anchor: u32,
    #[prost(message, optional, tag = "2")]
    pub value: Option<Literal>,
}

/// What a producer adds. An optimization may be ignored, an enhancement may not.
#[derive(Clone, PartialEq, Message)]
pub struct AdvancedExtension {
    #[prost(message, optional, tag = "2")]
    pub enhancement: Option<Untaken>,
}

/// A message of which it matters only that it is there.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Untaken {}
