//! The same system with another name for every service: whatever still works does not go by names.

use crate::build::Built;
use crate::desc::Program;
use crate::image;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `built` with every service renamed, in the description and in the archive. Programs, ids and
/// rules stay as they are, and so does the kernel.
///
/// # Errors
/// When the image cannot be made.
pub fn renamed(mut built: Built) -> Result<Built> {
    let file = |program: &Program| built.directory.join(format!("{}.elf", program.name));
    let files: BTreeMap<u32, PathBuf> =
        built.checked.programs.iter().map(|program| (program.id, file(program))).collect();
    for service in &mut built.checked.description.services {
        service.name = other_name(service.id);
    }
    for program in &mut built.checked.programs {
        program.name = other_name(program.id);
    }
    let file = |program: &Program| files.get(&program.id).cloned().unwrap_or_default();
    built.image = image::build(&built.checked, &file)?;
    Ok(built)
}

/// A name that says nothing, and sorts otherwise than the ids do.
fn other_name(id: u32) -> String {
    format!("x{:010}", u32::MAX - id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_sysdesc::bounds;

    #[test]
    fn test_every_id_has_a_name_of_its_own_that_sorts_otherwise() {
        let ids = [0, 1, 2, 998, 999, 1000, 1001, 1 << 31, u32::MAX - 1, u32::MAX];
        let names = ids.map(other_name);
        assert!(names.iter().all(|name| bounds::is_name(name)));
        assert!(names.is_sorted_by(|one, next| one > next), "{names:?}");
    }
}
