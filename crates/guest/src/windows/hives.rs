//! Where a Windows keeps its registry hives.

use std::collections::HashSet;

use vminspect_artefact::registry::{BaseBlock, FileType};
use vminspect_bytes::{ReadAtExt, ReadError, decode_wtf8};
use vminspect_filesystem::FileKind;

use super::directories::{Directories, MOST_HIVES, Place};
use super::hive_file::{HiveFile, HiveKind, open_file};
use super::holding;
use super::installation::{self, Installation, logs_of};
use super::profiles::{self, ProfileList, Variables};
use super::transactions;
use crate::{Coverage, Guest};

/// Hives of `System32\config` that Windows shows, and where.
const SYSTEM_HIVES: &[(&str, &str)] = &[
    ("SAM", r"HKLM\SAM"),
    ("SECURITY", r"HKLM\SECURITY"),
    ("SOFTWARE", SOFTWARE),
    ("SYSTEM", SYSTEM),
    ("DEFAULT", r"HKU\.DEFAULT"),
    ("COMPONENTS", r"HKLM\COMPONENTS"),
    ("DRIVERS", r"HKLM\DRIVERS"),
    ("ELAM", r"HKLM\ELAM"),
];

const SOFTWARE: &str = r"HKLM\SOFTWARE";
const SYSTEM: &str = r"HKLM\SYSTEM";

/// Where Windows shows the boot configuration that it was booted with.
const BOOT_CONFIGURATION: &str = "HKLM\\BCD00000000";

/// Ends of the names of files in which a copy of a hive is kept beside it.
const BACKUP_ENDS: &[&str] = &[".sav", ".alt", ".bak", ".old", ".org", ".copy"];

/// Directories in which profiles are, below the volume of a system.
const PROFILES: &[&str] = &[r"Users\*", r"Documents and Settings\*"];

/// The same, below the system's own directory.
const SYSTEM_PROFILES: &[&str] = &[
    r"ServiceProfiles\*",
    r"Profiles\*",
    r"System32\config\systemprofile",
    r"SysWOW64\config\systemprofile",
];

/// Where the classes of a user are, below the profile. The second is Windows XP's.
const USER_CLASSES: &[&str] = &[
    r"AppData\Local\Microsoft\Windows\UsrClass.dat",
    r"Local Settings\Application Data\Microsoft\Windows\UsrClass.dat",
];

/// Hives of programs, below a profile.
const USER_APPLICATIONS: &[&str] = &[
    r"AppData\Local\Packages\*\Settings\settings.dat",
    r"AppData\Local\Packages\*\SystemAppData\Helium\*.dat",
];

/// Hives of programs, below the system's own directory.
const SYSTEM_APPLICATIONS: &[&str] = &[
    r"AppCompat\Programs\Amcache.hve",
    r"AppCompat\Programs\*.hve",
    r"System32\SMI\Store\Machine\schema.dat",
];

/// The same, below the volume of the system.
const VOLUME_APPLICATIONS: &[&str] = &[
    r"System Volume Information\*.hve",
    r"ProgramData\Microsoft\Windows\AppRepository\Packages\*\*.dat",
    r"ProgramData\Packages\*\*\SystemAppData\Helium\*.dat",
];

/// Backups that Windows makes, below its own directory: RegBack, and that of the setup of Windows XP.
const SYSTEM_BACKUPS: &[&str] = &[r"System32\config\RegBack\*", r"repair\*"];

/// The same, below the volume: the restore points of Windows XP.
const VOLUME_BACKUPS: &[&str] = &[r"System Volume Information\_restore*\RP*\snapshot\*"];

/// Boot configurations of firmware (EFI, BIOS), and the loader that reads the first.
const EFI_CONFIGURATION: &str = r"EFI\Microsoft\Boot\BCD";
const BIOS_CONFIGURATION: &str = r"Boot\BCD";
const EFI_LOADER: &str = r"EFI\Microsoft\Boot\bootmgfw.efi";

/// The user as whom the system runs. Windows shows `HKU\.DEFAULT` for it, and does not read the hive in its profile.
const LOCAL_SYSTEM: &[u8] = b"S-1-5-18";

/// The hives of a guest, sorted by where Windows shows them.
pub(crate) fn find_hives(guest: &Guest) -> (Vec<HiveFile>, Coverage) {
    let mut search = Search::new(guest);
    if let Some(root) = system_volume(guest) {
        search.running_system(root);
        search.boot_configurations();
        search.older_systems(root);
        for other in holding(guest.volumes()).into_iter().filter(|other| *other != root) {
            search.other_system(other);
        }
    }
    search.finish()
}

/// The volume of a guest's Windows.
pub(super) fn system_volume(guest: &Guest) -> Option<usize> {
    let system = guest.system().filter(|system| system.family == "windows")?;
    system.volume.checked_sub(1)
}

struct Search<'a> {
    guest: &'a Guest,
    directories: Directories<'a>,
    hives: Vec<HiveFile>,
    /// What was found, so that a file counts once, whatever leads to it.
    files: HashSet<crate::Located>,
    profiles: HashSet<crate::Located>,
    /// Mounts in small letters, and paths as they are.
    mounts: HashSet<Vec<u8>>,
}

impl<'a> Search<'a> {
    fn new(guest: &'a Guest) -> Self {
        Self {
            guest,
            directories: Directories::new(guest.image(), guest.volumes()),
            hives: Vec::new(),
            files: HashSet::new(),
            profiles: HashSet::new(),
            mounts: HashSet::new(),
        }
    }

    fn finish(self) -> (Vec<HiveFile>, Coverage) {
        let mut hives = self.hives;
        hives.sort_by(|a, b| a.mount.cmp(&b.mount));
        (hives, self.directories.coverage)
    }

    fn running_system(&mut self, volume: usize) {
        let root = self.directories.root(volume);
        let system = root.and_then(|root| Installation::find(&mut self.directories, root));
        let Some(system) = system else { return };
        self.config(&system.directory, HiveKind::Live);
        self.tell_missing(&system.directory);
        let list = self.profile_list(&system);
        self.listed_profiles(&list);
        self.unlisted_profiles(&system);
        if let Some(Ok(Some(directory))) = list.directory.map(|path| self.directories.locate(&path)) {
            self.profiles_in(&directory, "*");
        }
        self.applications(&system, HiveKind::Application);
        self.backups(&system);
    }

    /// What an upgrade has put aside: `Windows.old`, `Windows.old.000`.
    fn older_systems(&mut self, volume: usize) {
        let Some(root) = self.directories.root(volume) else { return };
        for old in self.directories.matching(&root, "Windows.old*") {
            self.unused_system(old);
        }
    }

    /// A system of another volume, which this one does not run.
    fn other_system(&mut self, volume: usize) {
        if let Some(root) = self.directories.root(volume) {
            self.unused_system(root);
        }
    }

    fn unused_system(&mut self, root: Place) {
        let Some(system) = Installation::find(&mut self.directories, root) else { return };
        self.config(&system.directory, HiveKind::Copy);
        self.unlisted_profiles(&system);
        self.applications(&system, HiveKind::Copy);
        self.backups(&system);
    }

    /// The hives of `System32\config`: those that Windows has by name, and others that are hives by content.
    fn config(&mut self, directory: &Place, kind: HiveKind) {
        let Some(config) = self.directories.descend(directory, br"System32\config") else { return };
        let mut files = self.directories.children(&config);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        for file in files {
            match mount_of(file.name()) {
                Some(mount) if kind == HiveKind::Live => {
                    self.add(Some(mount.as_bytes().to_vec()), kind, &file)
                }
                Some(_) => self.add(None, kind, &file),
                None if self.is_hive(&file) => self.add(None, kind_of_other(file.name(), kind), &file),
                None => false,
            };
        }
        transactions::tell_logs(&mut self.directories, self.guest.volumes(), &config);
    }

    /// A Windows does not run without these.
    fn tell_missing(&mut self, directory: &Place) {
        for mount in [SOFTWARE, SYSTEM] {
            if !self.hives.iter().any(|hive| hive.mount == mount.as_bytes()) {
                let error =
                    ReadError::corrupt("registry").expected(format!("the hive {mount}")).found("none");
                self.directories.add_problem(&directory.path, &error);
            }
        }
    }

    /// The list of users, of which the hive `SOFTWARE` tells.
    fn profile_list(&mut self, system: &Installation) -> ProfileList {
        let Some(software) = self.hives.iter().find(|hive| hive.mount == SOFTWARE.as_bytes()) else {
            return ProfileList::default();
        };
        let path = software.path.clone();
        let list = match installation::open(self.guest.volumes(), software.located, &software.logs) {
            Ok(hive) => profiles::read(&hive, &Variables::of(system)),
            Err(error) => {
                self.directories.add_error(&path, &error);
                return ProfileList::default();
            }
        };
        if list.is_cut {
            let error = ReadError::unsupported("list of users");
            let found = format!("more than {}; the rest is taken for unknown", list.profiles.len());
            self.directories.add_problem(&path, &error.found(found));
        }
        list
    }

    fn listed_profiles(&mut self, list: &ProfileList) {
        for profile in &list.profiles {
            let mount = (profile.sid != LOCAL_SYSTEM).then_some(profile.sid.as_slice());
            match self.directories.locate(&profile.path) {
                Ok(Some(directory)) => self.profile(&directory, mount, HiveKind::Live),
                // The user's files were deleted, and the list was not changed.
                Ok(None) => {}
                Err(_) => {
                    let sid = decode_wtf8(&profile.sid).0;
                    let error = ReadError::unsupported("profile of a user")
                        .expected("a path on a volume of this disk")
                        .found(format!("that of {sid}"));
                    self.directories.add_problem(&profile.path, &error);
                }
            }
        }
    }

    fn unlisted_profiles(&mut self, system: &Installation) {
        PROFILES.iter().for_each(|pattern| self.profiles_in(&system.root, pattern));
        SYSTEM_PROFILES.iter().for_each(|pattern| self.profiles_in(&system.directory, pattern));
    }

    fn profiles_in(&mut self, from: &Place, pattern: &str) {
        for directory in self.directories.matching(from, pattern) {
            self.profile(&directory, None, HiveKind::Copy);
        }
    }

    /// The hives of a profile. Windows shows those of the user `sid`.
    fn profile(&mut self, directory: &Place, sid: Option<&[u8]>, kind: HiveKind) {
        if !self.profiles.insert(directory.at) {
            return;
        }
        let kind = if sid.is_some() { kind } else { HiveKind::Copy };
        let user = sid.map(|sid| [br"HKU\", sid].concat());
        let hive = self.directories.child(directory, b"NTUSER.DAT");
        let is_found = hive.is_some_and(|hive| self.add(user.clone(), kind, &hive));
        // The hive of a mandatory profile, which cannot be changed.
        if let Some(mandatory) = self.directories.child(directory, b"NTUSER.MAN") {
            let (mount, kind) = if is_found { (None, HiveKind::Copy) } else { (user.clone(), kind) };
            self.add(mount, kind, &mandatory);
        }
        for pattern in USER_CLASSES {
            let mount = user.as_ref().map(|user| [user.as_slice(), b"_Classes"].concat());
            self.add_matching(directory, pattern, mount.as_deref(), kind);
        }
        let kind = if kind == HiveKind::Live { HiveKind::Application } else { kind };
        for pattern in USER_APPLICATIONS {
            self.add_matching(directory, pattern, None, kind);
        }
    }

    fn applications(&mut self, system: &Installation, kind: HiveKind) {
        for pattern in SYSTEM_APPLICATIONS {
            self.add_matching(&system.directory, pattern, None, kind);
        }
        for pattern in VOLUME_APPLICATIONS {
            self.add_matching(&system.root, pattern, None, kind);
        }
    }

    /// Windows 10 and later leave empty files in place of backups; these are passed over.
    fn backups(&mut self, system: &Installation) {
        for pattern in SYSTEM_BACKUPS {
            self.add_matching(&system.directory, pattern, None, HiveKind::Copy);
        }
        for pattern in VOLUME_BACKUPS {
            self.add_matching(&system.root, pattern, None, HiveKind::Copy);
        }
    }

    /// The boot configurations of all volumes. One of them is that of this system.
    fn boot_configurations(&mut self) {
        let boot_volume = self.guest.system().and_then(|system| system.boot_volume?.checked_sub(1));
        for volume in 0..self.guest.volumes().len() {
            let Some(root) = self.directories.root(volume) else { continue };
            let boots = boot_volume.is_none_or(|boots| boots == volume);
            let has_efi = self.directories.descend(&root, EFI_LOADER.as_bytes()).is_some();
            let order = match has_efi {
                true => [EFI_CONFIGURATION, BIOS_CONFIGURATION],
                false => [BIOS_CONFIGURATION, EFI_CONFIGURATION],
            };
            for path in order {
                let is_first = boots && !self.mounts.contains(&mount_key(BOOT_CONFIGURATION.as_bytes()));
                let (mount, kind) = match is_first {
                    true => (Some(BOOT_CONFIGURATION.as_bytes()), HiveKind::Live),
                    false => (None, HiveKind::Copy),
                };
                self.add_matching(&root, path, mount, kind);
            }
        }
    }

    /// Adds what a pattern leads to; where it ends with a `*`, only files that are hives by their content.
    fn add_matching(&mut self, from: &Place, pattern: &str, mount: Option<&[u8]>, kind: HiveKind) {
        let is_open = pattern.rsplit('\\').next().is_some_and(|name| name.contains('*'));
        for place in self.directories.matching(from, pattern) {
            if !is_open || self.is_hive(&place) {
                self.add(mount.map(<[u8]>::to_vec), kind, &place);
            }
        }
    }

    /// Adds a hive, unless its file is one already. Whether it is one now.
    fn add(&mut self, mount: Option<Vec<u8>>, kind: HiveKind, place: &Place) -> bool {
        if self.files.contains(&place.at) {
            return true;
        }
        let Some(metadata) = self.directories.metadata(place) else { return false };
        if metadata.kind != FileKind::Regular {
            return false;
        }
        if self.hives.len() >= MOST_HIVES {
            self.directories.tell_full(place);
            return false;
        }
        if metadata.size == 0 {
            let error = ReadError::corrupt("registry hive").at(0).found("an empty file");
            self.directories.add_problem(&place.path, &error);
            return false;
        }
        let free = mount.filter(|mount| self.mounts.insert(mount_key(mount)));
        let (mount, kind) = match free {
            Some(mount) => (mount, kind),
            // Another has its mount.
            None if kind == HiveKind::Live => (place.path.clone(), HiveKind::Copy),
            None => (place.path.clone(), kind),
        };
        if mount == place.path && !self.mounts.insert(mount.clone()) {
            return true;
        }
        self.files.insert(place.at);
        if self.base_block(place).is_some_and(|base| base.flags & 1 != 0) {
            transactions::tell_pending(&mut self.directories, self.guest.volumes(), place);
        }
        let logs = logs_of(&mut self.directories, place);
        self.hives.push(HiveFile { mount, kind, path: place.path.clone(), located: place.at, logs });
        true
    }

    /// Whether a file is a hive by its content, and no log of one.
    fn is_hive(&mut self, file: &Place) -> bool {
        let base = self.base_block(file);
        base.is_some_and(|base| !matches!(base.file_type, FileType::OldLog | FileType::NewLog))
    }

    /// The base block of a file that has one.
    fn base_block(&mut self, file: &Place) -> Option<BaseBlock> {
        let metadata = self.directories.metadata(file)?;
        if metadata.kind != FileKind::Regular || metadata.size < 512 {
            return None;
        }
        let bytes = open_file(self.guest.volumes(), file.at);
        let sector = bytes.and_then(|bytes| bytes.read_vec(0, 512).map_err(crate::Error::Hive));
        match sector {
            Ok(sector) => BaseBlock::from_bytes(&sector).ok(),
            Err(error) => {
                self.directories.add_error(&file.path, &error);
                None
            }
        }
    }
}

/// Where Windows shows the hive of this name in `System32\config`.
fn mount_of(name: &[u8]) -> Option<&'static str> {
    SYSTEM_HIVES
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()))
        .map(|(_, mount)| *mount)
}

/// What a hive in `System32\config` is that Windows does not show.
fn kind_of_other(name: &[u8], kind: HiveKind) -> HiveKind {
    let name = name.to_ascii_lowercase();
    let is_backup = BACKUP_ENDS.iter().any(|end| name.ends_with(end.as_bytes()));
    if kind == HiveKind::Copy || is_backup { HiveKind::Copy } else { HiveKind::Application }
}

/// What mounts that differ in case have in common.
fn mount_key(mount: &[u8]) -> Vec<u8> {
    mount.to_ascii_lowercase()
}
