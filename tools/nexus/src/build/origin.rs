//! What an image was built from, in a record beside it. Whoever reads the image later holds it against
//! the system as it is now: an image of another system, or of what this one was before, is refused.

use super::Place;
use super::sources::{self, Sources};
use crate::cli::SystemArgs;
use crate::desc::Checked;
use crate::files::{self, Unread};
use crate::image::hex;
use anyhow::{Context, Result, bail, ensure};
use nexus_sysdesc::Description;
use nexus_sysdesc::archive::{Archive, image_hash};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The record's name, beside the image.
const FILE: &str = "origin.json";

/// The image's name.
const IMAGE: &str = "boot.img";

/// What an image was built from.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The directory of the system.
    system: PathBuf,
    /// The name of its profile.
    profile: String,
    /// SHA-256 of the image, its nonce taken as 0.
    image_sha256: String,
    /// What the kernel and the programs were compiled from.
    sources: Sources,
}

impl Origin {
    /// Writes `image` of `checked` into `directory`, and the record beside it.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(checked: &Checked, sources: Sources, image: &[u8], directory: &Path) -> Result<()> {
        let origin = Origin {
            system: checked.directory.canonicalize()?,
            profile: checked.profile.clone(),
            image_sha256: hex(&image_hash(image)),
            sources,
        };
        fs::write(directory.join(IMAGE), image).context("writing the image")?;
        let record = serde_json::to_vec_pretty(&origin)?;
        fs::write(directory.join(FILE), record).context("writing what it was built from")
    }

    /// What was compiled for the image of `checked` in `directory`; refused when it has changed since.
    ///
    /// # Errors
    /// What is stale or foreign, as the end of a sentence about the directory.
    pub fn programs(directory: &Path, checked: &Checked) -> Result<Sources> {
        let origin = Origin::of(directory, checked)?;
        if let Some(change) = sources::change(&origin.sources) {
            bail!("is stale: {change} since");
        }
        Ok(origin.sources)
    }

    /// The record in `directory`, when it is of the system and profile of `checked`.
    fn of(directory: &Path, checked: &Checked) -> Result<Origin> {
        let record = files::bytes(&directory.join(FILE)).ok();
        let record = record.context("has no record of what it was built from beside it")?;
        let origin: Origin = serde_json::from_slice(&record)
            .context("has a record beside it that cannot be read")?;
        let (system, profile) = (checked.directory.canonicalize()?, &checked.profile);
        ensure!(
            origin.system == system && origin.profile == *profile,
            "was built of the system in {}, profile {}, and not of that in {}, profile {profile}",
            origin.system.display(),
            origin.profile,
            system.display(),
        );
        Ok(origin)
    }
}

/// The image that `build` wrote of a system, and where it is; only while it is still of this system.
///
/// # Errors
/// When it is not there, or stale, or foreign: which, and what to run.
pub fn image(place: &Place, args: &SystemArgs) -> Result<(PathBuf, Vec<u8>)> {
    let checked = place.load(args)?;
    let directory = place.folder(&checked)?;
    let path = directory.join(IMAGE);
    let again = format!("`cargo nexus build{}` builds it", args.as_arguments());
    let image = match files::bytes(&path) {
        Ok(image) => image,
        Err(Unread::Missing) => bail!("{} is not built yet; {again}", path.display()),
        Err(why) => bail!("no image at {}: {why}", path.display()),
    };
    let checks = || {
        let origin = Origin::of(&directory, &checked)?;
        ensure!(
            hex(&image_hash(&image)) == origin.image_sha256,
            "is not the image that was built there"
        );
        is_of(&image, &checked)?;
        Origin::programs(&directory, &checked)
    };
    match checks() {
        Ok(_) => Ok((path, image)),
        Err(why) => bail!("{} {why:#}; {again} anew", path.display()),
    }
}

/// Refuses an image that has another description than `checked`.
///
/// # Errors
/// What is stale or foreign, as the end of a sentence about the image.
pub fn is_of(image: &[u8], checked: &Checked) -> Result<()> {
    let archive = Archive::parse(image).context("is damaged")?;
    let there = archive.description().context("is damaged")?.data;
    if there == checked.description.encode()? {
        return Ok(());
    }
    let of = |one: &Description| format!("`{}`, profile {}", one.name, one.profile.name());
    let there = Description::decode(there).context("is damaged")?;
    let (there, here) = (of(&there), of(&checked.description));
    ensure!(there == here, "is of the system {there}, and not of {here}");
    bail!("is stale: the description in {} has changed since", checked.directory.display())
}
