//! `console`: text out and edited lines in. Served by consoled.
//!
//! consoled edits: it shows the prompt, takes keys, keeps history. The caller asks for events; a
//! Tab comes back as an event with the line so far, and the caller may `Insert` and ask again.

use crate::{Text, Zero};

protocol! {
    /// Marker of the protocol.
    pub Console = 4 "console" {
        /// Shows bytes as they are.
        1 Write -> ();
        /// Sets the prompt that lines are read behind. Text with more after it is refused.
        2 Prompt -> (), again;
        /// Waits for an event of the line editor. One reader at a time, else `Busy`.
        3 ReadLine -> LineEvent;
        /// Text of the line of the last event, from an offset.
        4 LineText -> Text;
        /// Inserts text into the line being edited, at the cursor.
        5 Insert -> ();
        /// Waits for one byte, unedited. One reader at a time, else `Busy`.
        6 ReadKey -> Key;
    }
}

codes! {
    /// What happened in the line editor.
    pub enum LineEventKind: u8 {
        /// Enter: the line is complete, and the next one begins empty.
        1 Entered,
        /// Tab: the line goes on after the caller's next `ReadLine`.
        2 Tab,
        /// Ctrl-C: the line is thrown away.
        3 Interrupted,
        /// Ctrl-D on an empty line.
        4 EndOfInput,
        /// The deadline passed; the line goes on.
        5 TimedOut,
    }
}

payloads! {
    /// Shows bytes.
    pub struct Write {
        /// The bytes.
        pub text: Text,
    }

    /// Sets the prompt.
    pub struct Prompt {
        /// The prompt.
        pub text: Text,
    }

    /// Waits for an event.
    pub struct ReadLine {
        /// Tick after which to answer `TimedOut`; [`nexus_abi::NO_DEADLINE`] for never.
        pub deadline: u64,
    }

    /// An event.
    pub struct LineEvent {
        /// What happened.
        pub kind: LineEventKind,
        /// Columns of the terminal, as far as it says: 20 to 255.
        pub columns: u8,
        /// Padding.
        pub zero: Zero<2>,
        /// Bytes in the line.
        pub len: u16,
        /// Bytes before the cursor.
        pub cursor: u16,
        /// The first piece of the line.
        pub text: Text,
    }

    /// Asks for text of the line.
    pub struct LineText {
        /// First byte wanted.
        pub offset: u32,
        /// Padding.
        pub zero: Zero<4>,
    }

    /// Inserts text.
    pub struct Insert {
        /// The text.
        pub text: Text,
    }

    /// Waits for one byte.
    pub struct ReadKey {
        /// Tick after which to answer the error `TimedOut`.
        pub deadline: u64,
    }

    /// One byte.
    pub struct Key {
        /// The byte.
        pub byte: u8,
        /// Padding.
        pub zero: Zero<7>,
    }
}
