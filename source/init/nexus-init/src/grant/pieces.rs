//! The pieces of a device, each a capability of its own.

use nexus_abi::Handle;

/// A piece of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Its interrupt line.
    Line,
    /// The window with its registers.
    Window,
    /// The memory that its owner shares with it.
    Pool,
    /// The rings that it writes, for its owner to read.
    Used,
}

impl Piece {
    /// All of them, in the order in which they are taken back: the line first, as the kernel does it.
    pub const ALL: [Piece; 4] = [Piece::Line, Piece::Window, Piece::Pool, Piece::Used];
    /// In the order in which they are given. What busd answers with comes in this order, too.
    pub(super) const GIVEN: [Piece; 4] = [Piece::Window, Piece::Pool, Piece::Used, Piece::Line];
}

/// A piece that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Given {
    /// What init keeps of it.
    pub kept: Handle,
    /// What its owner has, as the owner names it; [`Handle::NONE`] before it has it.
    pub held: Handle,
}

/// What there is of each piece of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pieces {
    line: Option<Given>,
    window: Option<Given>,
    pool: Option<Given>,
    used: Option<Given>,
}

impl Pieces {
    /// Nothing.
    pub const NONE: Pieces = Pieces { line: None, window: None, pool: None, used: None };

    /// What there is of this piece.
    #[must_use]
    pub const fn get(&self, piece: Piece) -> Option<Given> {
        match piece {
            Piece::Line => self.line,
            Piece::Window => self.window,
            Piece::Pool => self.pool,
            Piece::Used => self.used,
        }
    }

    /// What init keeps of this piece.
    #[must_use]
    pub fn kept(&self, piece: Piece) -> Option<Handle> {
        self.get(piece).map(|given| given.kept)
    }

    /// What the owner has of this piece.
    #[must_use]
    pub fn held(&self, piece: Piece) -> Option<Handle> {
        self.get(piece).map(|given| given.held)
    }

    /// Notes what there is of this piece from here on.
    pub const fn set(&mut self, piece: Piece, given: Option<Given>) {
        match piece {
            Piece::Line => self.line = given,
            Piece::Window => self.window = given,
            Piece::Pool => self.pool = given,
            Piece::Used => self.used = given,
        }
    }

    /// The first piece that there is, in the order in which they are taken back.
    pub(super) fn first(&self) -> Option<(Piece, Given)> {
        Piece::ALL.into_iter().find_map(|piece| Some((piece, self.get(piece)?)))
    }
}
