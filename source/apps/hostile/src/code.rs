//! Instructions as numbers (RISC-V Unprivileged 2.2, Privileged 1.12).

/// One instruction of 32 bits.
pub type Instruction = u32;

/// Registers by their number.
pub mod register {
    /// Always zero.
    pub const ZERO: u32 = 0;
    /// Scratch.
    pub const T0: u32 = 5;
    /// Kept over a system call.
    pub const S1: u32 = 9;
    /// Kept over a system call.
    pub const S2: u32 = 18;
    /// First argument.
    pub const A0: u32 = 10;
    /// Second argument.
    pub const A1: u32 = 11;
    /// Number of the system call.
    pub const A7: u32 = 17;
}

/// Control and status registers by their number.
pub mod csr {
    /// Address translation.
    pub const SATP: u32 = 0x180;
    /// State of supervisor mode.
    pub const SSTATUS: u32 = 0x100;
    /// The timer of supervisor mode.
    pub const STIMECMP: u32 = 0x14d;
    /// Cycles so far.
    pub const CYCLE: u32 = 0xc00;
    /// Instructions so far.
    pub const INSTRET: u32 = 0xc02;
}

/// `ecall`.
pub const ECALL: Instruction = 0x0000_0073;
/// `ebreak`.
pub const EBREAK: Instruction = 0x0010_0073;
/// `wfi`.
pub const WFI: Instruction = 0x1050_0073;
/// `sret`.
pub const SRET: Instruction = 0x1020_0073;
/// `sfence.vma`.
pub const SFENCE_VMA: Instruction = 0x1200_0073;
/// `fmv.w.x ft0, zero`.
pub const FLOAT: Instruction = 0xf000_0053;
/// `slli zero, zero, 0x1f`: before an `ebreak` that asks a debugger for a service.
pub const SEMIHOSTING_BEFORE: Instruction = 0x01f0_1013;
/// `srai zero, zero, 7`: after such an `ebreak`.
pub const SEMIHOSTING_AFTER: Instruction = 0x4070_5013;

/// `ld rd, offset(base)`; `offset` is from 0 to 2047.
#[must_use]
pub const fn load_double(rd: u32, base: u32, offset: u32) -> Instruction {
    (offset << 20) | (base << 15) | (3 << 12) | (rd << 7) | 0x03
}

/// `lw rd, 0(base)`.
#[must_use]
pub const fn load_word(rd: u32, base: u32) -> Instruction {
    (base << 15) | (2 << 12) | (rd << 7) | 0x03
}

/// `sw rs, 0(base)`.
#[must_use]
pub const fn store_word(rs: u32, base: u32) -> Instruction {
    (rs << 20) | (base << 15) | (2 << 12) | 0x23
}

/// `li rd, value`; `value` is from 0 to 2047.
#[must_use]
pub const fn load_immediate(rd: u32, value: u32) -> Instruction {
    (value << 20) | (rd << 7) | 0x13
}

/// `mv rd, rs`.
#[must_use]
pub const fn copy(rd: u32, rs: u32) -> Instruction {
    (rs << 15) | (rd << 7) | 0x13
}

/// `addi rd, rs, value`; `value` is from -2048 to 2047.
#[must_use]
pub const fn add_immediate(rd: u32, rs: u32, value: i32) -> Instruction {
    (value.cast_unsigned() << 20) | (rs << 15) | (rd << 7) | 0x13
}

/// `auipc rd, pages`.
#[must_use]
pub const fn add_pages(rd: u32, pages: u32) -> Instruction {
    (pages << 12) | (rd << 7) | 0x17
}

/// `bne a, b, offset`; `offset` is from -4096 to 4094 bytes, and even.
#[must_use]
pub const fn branch_unless_equal(a: u32, b: u32, offset: i32) -> Instruction {
    let offset = offset.cast_unsigned();
    let high = ((offset >> 12) & 1) << 31 | ((offset >> 5) & 0x3f) << 25;
    let low = ((offset >> 1) & 0xf) << 8 | ((offset >> 11) & 1) << 7;
    high | (b << 20) | (a << 15) | (1 << 12) | low | 0x63
}

/// `lr.d rd, (base)`.
#[must_use]
pub const fn load_reserved(rd: u32, base: u32) -> Instruction {
    (2 << 27) | (base << 15) | (3 << 12) | (rd << 7) | 0x2f
}

/// `sc.d rd, rs, (base)`.
#[must_use]
pub const fn store_conditional(rd: u32, rs: u32, base: u32) -> Instruction {
    (3 << 27) | (rs << 20) | (base << 15) | (3 << 12) | (rd << 7) | 0x2f
}

/// `jr rs`.
#[must_use]
pub const fn jump(rs: u32) -> Instruction {
    (rs << 15) | 0x67
}

/// `csrr rd, csr`.
#[must_use]
pub const fn read_csr(rd: u32, csr: u32) -> Instruction {
    (csr << 20) | (2 << 12) | (rd << 7) | 0x73
}

/// `csrw csr, rs`.
#[must_use]
pub const fn write_csr(csr: u32, rs: u32) -> Instruction {
    (csr << 20) | (rs << 15) | (1 << 12) | 0x73
}

#[cfg(test)]
mod tests {
    use super::register::{A0, A7, S1, S2, T0, ZERO};
    use super::*;

    #[test]
    fn instructions_are_encoded_as_an_assembler_does() {
        assert_eq!(load_double(S1, A0, 0), 0x0005_3483, "ld s1, 0(a0)");
        assert_eq!(load_double(S2, A0, 8), 0x0085_3903, "ld s2, 8(a0)");
        assert_eq!(load_word(T0, S1), 0x0004_a283, "lw t0, 0(s1)");
        assert_eq!(store_word(ZERO, S1), 0x0004_a023, "sw zero, 0(s1)");
        assert_eq!(store_word(T0, S1), 0x0054_a023, "sw t0, 0(s1)");
        assert_eq!(load_immediate(A7, 26), 0x01a0_0893, "li a7, 26");
        assert_eq!(copy(A0, S1), 0x0004_8513, "mv a0, s1");
        assert_eq!(add_immediate(T0, A0, -1), 0xfff5_0293, "addi t0, a0, -1");
        assert_eq!(add_pages(A0, 1), 0x0000_1517, "auipc a0, 1");
        assert_eq!(branch_unless_equal(S1, A0, 8), 0x00a4_9463, "bne s1, a0, .+8");
        assert_eq!(branch_unless_equal(A0, ZERO, -4), 0xfe05_1ee3, "bne a0, zero, .-4");
        assert_eq!(load_reserved(T0, A0), 0x1005_32af, "lr.d t0, (a0)");
        assert_eq!(store_conditional(S1, T0, A0), 0x1855_34af, "sc.d s1, t0, (a0)");
        assert_eq!(jump(S1), 0x0004_8067, "jr s1");
        assert_eq!(read_csr(T0, csr::SSTATUS), 0x1000_22f3, "csrr t0, sstatus");
        assert_eq!(write_csr(csr::SATP, ZERO), 0x1800_1073, "csrw satp, zero");
        assert_eq!(read_csr(T0, csr::INSTRET), 0xc020_22f3, "rdinstret t0");
    }
}
