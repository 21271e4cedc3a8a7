//! Removing images that nobody has used for long, or that there is no room for.
//!
//! When an image was last used is the date that the daemon keeps of its last naming: it is
//! named again when it is used (see `note_use`), so it holds for all processes and over
//! restarts. A layer goes after all that is made over it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::Docker;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder,
};

use super::build::remove;
use super::{CONTENT, IMAGES, Images, PARENT, label};
use crate::daemon::DaemonError;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub images: usize,
    pub bytes: u64,
}

#[derive(Debug)]
struct Kept {
    tag: String,
    content: String,
    parent: String,
    /// Beyond what is below it.
    bytes: u64,
    unused_for: Duration,
}

impl Images {
    /// Removes what is due. `in_use` says of a tag whether it has to stay; what a container
    /// still uses stays anyway. Takes a while if there are many images.
    pub fn collect(&self, in_use: &dyn Fn(&str) -> bool) -> Result<Collected, DaemonError> {
        let docker = self.daemon.client()?;
        let mut kept = self.daemon.wait(self.list(&docker))?;
        let mut collected = Collected::default();
        let mut stays: HashSet<String> = HashSet::new();
        loop {
            let total: u64 = kept.iter().map(|image| image.bytes).sum();
            let is_due = |image: &Kept| {
                let has_child = kept.iter().any(|other| other.parent == image.content);
                let too_old = image.unused_for > self.settings.keep.unused_for;
                let too_much = total > self.settings.keep.bytes;
                (too_old || too_much)
                    && !has_child
                    && image.unused_for >= self.settings.keep.at_least
                    && !stays.contains(&image.tag)
                    && !self.flights.is_under_way(&image.tag)
                    && !in_use(&image.tag)
            };
            let due = (0..kept.len()).filter(|&index| is_due(&kept[index]));
            let Some(oldest) = due.max_by_key(|&index| kept[index].unused_for) else { break };
            let tag = kept[oldest].tag.clone();
            self.forget(&tag);
            match self.daemon.wait(remove(&docker, &tag)) {
                Ok(()) | Err(DaemonError::Missing(_)) => {
                    collected.images += 1;
                    collected.bytes += kept[oldest].bytes;
                    kept.remove(oldest);
                }
                // A container uses it.
                Err(DaemonError::Conflict(_)) => {
                    stays.insert(tag);
                }
                Err(error) => return Err(error),
            }
        }
        self.daemon.wait(self.collect_leftovers(&docker))?;
        Ok(collected)
    }

    async fn list(&self, docker: &Docker) -> Result<Vec<Kept>, DaemonError> {
        let now = SystemTime::now();
        let prefix = format!("{}/", self.settings.images);
        let mut found: Vec<(String, ImageInspect)> = Vec::new();
        for summary in self.labelled(docker).await? {
            for tag in summary.repo_tags.iter().filter(|tag| tag.starts_with(&prefix)) {
                match docker.inspect_image(tag).await.map_err(DaemonError::from) {
                    Ok(image) => found.push((tag.clone(), image)),
                    // Somebody else was quicker.
                    Err(DaemonError::Missing(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let size = |image: &ImageInspect| u64::try_from(image.size.unwrap_or(0)).unwrap_or(0);
        let mut sizes: HashMap<String, u64> = HashMap::new();
        for (_, image) in &found {
            sizes.insert(label(image, CONTENT).unwrap_or_default().to_owned(), size(image));
        }
        let mut kept = Vec::new();
        for (tag, image) in found {
            let parent = label(&image, PARENT).unwrap_or_default().to_owned();
            if !sizes.contains_key(&parent) {
                // A base.
                let base = docker.inspect_image(&parent).await.ok();
                sizes.insert(parent.clone(), base.map_or(0, |base| size(&base)));
            }
            let below = sizes.get(&parent).copied().unwrap_or(0);
            kept.push(Kept {
                tag,
                content: label(&image, CONTENT).unwrap_or_default().to_owned(),
                bytes: size(&image).saturating_sub(below),
                unused_for: now.duration_since(last_used(&image)).unwrap_or_default(),
                parent,
            });
        }
        Ok(kept)
    }

    async fn labelled(
        &self,
        docker: &Docker,
    ) -> Result<Vec<bollard::models::ImageSummary>, DaemonError> {
        let filters =
            HashMap::from([("label", vec![format!("{IMAGES}={}", self.settings.images)])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        Ok(docker.list_images(Some(options)).await?)
    }

    /// What builds have left whose process or daemon died.
    async fn collect_leftovers(&self, docker: &Docker) -> Result<(), DaemonError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let is_old = |created: i64| {
            let created = Duration::from_secs(u64::try_from(created).unwrap_or(0));
            now.saturating_sub(created) >= self.settings.keep.at_least
        };
        let filters = HashMap::from([
            ("label", vec![format!("{IMAGES}={}", self.settings.images)]),
            ("status", ["created", "exited", "dead"].map(str::to_owned).to_vec()),
        ]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        for container in docker.list_containers(Some(options)).await? {
            if let Some(id) = container.id
                && is_old(container.created.unwrap_or(i64::MAX))
            {
                let options = RemoveContainerOptionsBuilder::default().v(true).build();
                if let Err(error) = docker.remove_container(&id, Some(options)).await {
                    tracing::debug!(%error, id, "a container stays");
                }
            }
        }
        for image in self.labelled(docker).await? {
            let is_named = image.repo_tags.iter().any(|tag| tag != "<none>:<none>");
            if !is_named && is_old(image.created) {
                // What something is made of or runs from stays by itself.
                if let Err(error) = remove(docker, &image.id).await {
                    tracing::debug!(%error, image = image.id, "an image stays");
                }
            }
        }
        Ok(())
    }
}

fn last_used(image: &ImageInspect) -> SystemTime {
    let named = image.metadata.as_ref().and_then(|metadata| metadata.last_tag_time.as_deref());
    let dates = [named, image.created.as_deref()];
    let seconds = dates.into_iter().flatten().filter_map(seconds_of).find(|seconds| *seconds > 0);
    // Without any date it counts as used now.
    seconds.map_or_else(SystemTime::now, |seconds| {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    })
}

/// Seconds since 1970 of `2026-11-22T02:38:05.123456789+01:00`.
fn seconds_of(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.as_bytes().first()? {
        b'Z' => 0,
        sign @ (b'+' | b'-') => {
            let minutes =
                zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if *sign == b'+' { minutes * 60 } else { -minutes * 60 }
        }
        _ => return None,
    };
    // Days of the Gregorian calendar, years beginning in March (H. Hinnant, "chrono-compatible
    // low-level date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        assert_eq!(seconds_of("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds_of("2000-02-29T12:00:01.5Z"), Some(951_825_601));
        assert_eq!(seconds_of("2026-11-22T02:38:05.123456789+01:00"), Some(1_795_311_485));
        assert_eq!(seconds_of("2026-11-22T02:38:05-01:30"), Some(1_795_320_485));
        assert!(seconds_of("0001-01-01T00:00:00Z").unwrap() < 0);
        for bad in ["", "2026", "2026-11-22T02:38:05", "é026-11-22T02:38:05Z"] {
            assert_eq!(seconds_of(bad), None, "{bad}");
        }
    }
}
