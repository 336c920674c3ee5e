//! The macros that a protocol is declared with.

/// Declares an enum whose values travel as numbers.
macro_rules! codes {
    ($(#[$meta:meta])* pub enum $Enum:ident: $repr:ident {
        $($(#[doc = $doc:literal])+ $code:literal $Name:ident,)+
    }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash,
            zerocopy::TryFromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
            zerocopy::KnownLayout,
        )]
        #[repr($repr)]
        pub enum $Enum { $($(#[doc = $doc])+ $Name = $code,)+ }

        impl $Enum {
            /// Every value.
            pub const ALL: &'static [$Enum] = &[$($Enum::$Name),+];

            /// As a number.
            #[must_use]
            pub const fn code(self) -> $repr {
                match self { $($Enum::$Name => $code,)+ }
            }

            /// Back from a number.
            #[must_use]
            pub const fn from_code(code: $repr) -> Option<$Enum> {
                match code { $($code => Some($Enum::$Name),)+ _ => None }
            }

            /// Its name, as written in the table.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($Enum::$Name => stringify!($Name),)+ }
            }
        }

        impl crate::Wire for $Enum {
            #[inline]
            fn is_canonical(&self) -> bool { true }
        }

        #[cfg(test)]
        impl crate::tests::Draw for $Enum {
            fn draw(source: &mut crate::tests::Source) -> $Enum { source.choose($Enum::ALL) }
        }
    };
}

/// Declares payloads. Fields are in wire order; padding is explicit ([`crate::Zero`]), or the
/// struct does not compile.
macro_rules! payloads {
    ($($(#[$meta:meta])* pub struct $Name:ident {
        $($(#[$fmeta:meta])* pub $field:ident: $ty:ty,)*
    })+) => { $(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash,
            zerocopy::TryFromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
            zerocopy::KnownLayout,
        )]
        #[repr(C)]
        pub struct $Name { $($(#[$fmeta])* pub $field: $ty,)* }

        impl crate::Wire for $Name {
            #[inline]
            fn is_canonical(&self) -> bool {
                true $(&& crate::Wire::is_canonical(&self.$field))*
            }
        }

        impl crate::Payload for $Name {}

        #[cfg(test)]
        impl crate::tests::Draw for $Name {
            fn draw(_source: &mut crate::tests::Source) -> $Name {
                $Name { $($field: crate::tests::Draw::draw(_source),)* }
            }
        }
    )+ };
}

/// Whether an operation is asked again after its server ended: a word of its row, or none. As a value, and as
/// a sentence.
macro_rules! again {
    () => {
        false
    };
    (again) => {
        true
    };
    (doc) => {
        "\n\nWho gets `PeerGone` does not know whether it was done, and is told so."
    };
    (doc again) => {
        "\n\nWho gets `PeerGone` asks again: to be asked twice is the same as once."
    };
}

/// Declares a protocol: a row is `number Request -> Reply;`, or `number Request -> Reply, again;` where asking
/// twice is the same as once ([`crate::Operation::AGAIN`]). Requests are payloads of the same module.
macro_rules! protocol {
    ($(#[doc = $pdoc:literal])+ pub $Protocol:ident = $number:literal $pname:literal {
        $($(#[doc = $doc:literal])+ $op:literal $Op:ident -> $Reply:ty $(, $again:ident)?;)+
    }) => {
        $(#[doc = $pdoc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Protocol {}

        impl crate::Protocol for $Protocol {
            const NUMBER: u16 = $number;
            const NAME: &'static str = $pname;
            const OPERATIONS: &'static [(u16, &'static str)] = &[$(($op, stringify!($Op))),+];
            type Request = Request;
        }

        $(impl crate::Operation for $Op {
            type Protocol = $Protocol;
            type Reply = $Reply;
            const LABEL: u32 = ($number << 16) | $op;
            const NAME: &'static str = stringify!($Op);
            const AGAIN: bool = again!($($again)?);
        })+

        /// Any request of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Request { $($(#[doc = $doc])+ #[doc = again!(doc $($again)?)] $Op($Op),)+ }

        impl crate::Request for Request {
            #[inline]
            fn decode(message: &nexus_abi::Message) -> Result<Request, crate::Malformed> {
                match message.tag.label() {
                    $(<$Op as crate::Operation>::LABEL =>
                        crate::decode_payload(message).map(Request::$Op),)+
                    _ => Err(crate::Malformed::Label),
                }
            }

            #[inline]
            fn encode(&self) -> nexus_abi::Message {
                match self { $(Request::$Op(op) => crate::Operation::encode(op),)+ }
            }
        }

        $(impl From<$Op> for Request {
            fn from(op: $Op) -> Request { Request::$Op(op) }
        })+

        #[cfg(test)]
        impl crate::tests::Checked for $Protocol {
            fn check_operations(source: &mut crate::tests::Source) {
                $(crate::tests::check_operation::<$Op>(source);)+
            }
        }
    };
}
