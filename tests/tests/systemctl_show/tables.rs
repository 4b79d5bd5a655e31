//! Where `systemctl show` has other values of runnerd's units than of systemd's, or fewer, and why.

/// Properties of some units, and the reason.
#[derive(Debug)]
pub(crate) struct Row {
    /// How the names of the units end, with a space between several; empty for all.
    pub(crate) units: &'static str,
    /// The properties.
    pub(crate) properties: &'static str,
    /// Why.
    #[expect(dead_code, reason = "for whoever reads the table")]
    pub(crate) why: &'static str,
}

/// What differs.
pub(crate) const DIFFERENT: &[Row] = &[
    Row {
        units: ".service .socket .timer .path .slice",
        properties: "After",
        why: "mounts, the journal's sockets and the targets of the clock are not here: nothing \
              waits for them",
    },
    Row {
        units: ".service .socket .slice",
        properties: "ControlGroup",
        why: "one tree of groups, in which slices have none; a one-shot that remains keeps its group until it is \
              stopped, and sockets have none",
    },
    Row {
        units: "part.slice",
        properties: "CanFreeze",
        why: "a slice has no group: there is nothing to freeze",
    },
    Row {
        units: ".socket looks.path sleeps.timer many.service",
        properties: "RequiresMountsFor",
        why: "the row `mounts that paths need` of runner-systemd(7): what follows from other settings is \
              not added",
    },
    Row {
        units: "broken.service",
        properties: "Requires",
        why: "what cannot be loaded needs nothing",
    },
    Row {
        units: "bus.service",
        properties: "Wants Requires",
        why: "the row `the socket of the message bus` of runner-systemd(7)",
    },
    Row {
        units: ".service .socket",
        properties: "LimitNOFILE LimitNOFILESoft TasksMax",
        why: "the row `what no unit says` of runner-systemd(7)",
    },
    Row {
        units: "idle.service",
        properties: "TriggeredBy",
        why: "systemd loads units when somebody asks for them: what was never started triggers nothing",
    },
    Row {
        units: "sleeps.timer",
        properties: "CanClean",
        why: "when a timer last elapsed is kept in a place of our own, which is no directory of the unit",
    },
    Row {
        units: "many.service",
        properties: "UID GID",
        why: "the program's own process looks up who it is to be, and nobody asks it",
    },
    Row {
        units: "bus.service idle.service broken.service nosuch.service",
        properties: "WatchdogUSec",
        why: "systemd says infinity until the first start, and 0 after it, where there is no watchdog",
    },
    Row {
        units: "broken.service",
        properties: "Before Conflicts",
        why: "what cannot be used depends on nothing",
    },
    Row {
        units: "broken.service",
        properties: "UnitFileState",
        why: "a file with an error is `bad`; systemd looks at [Install] alone",
    },
    Row {
        units: "nosuch.service",
        properties: "OOMPolicy StandardOutput TimeoutStartUSec Type",
        why: "of what is not there systemd shows what it had before it looked",
    },
];

/// What systemd shows and runnerd does not.
pub(crate) const ABSENT: &[Row] = &[
    Row {
        units: ".service .socket",
        properties: "BindPaths BindReadOnlyPaths ExecPaths ExtensionDirectories ExtensionImages \
                     InaccessiblePaths IPCNamespacePath MountAPIVFS MountFlags MountImages \
                     NetworkNamespacePath NoExecPaths PrivateDevices PrivateIPC PrivateMounts \
                     PrivateNetwork PrivateTmp PrivateUsers ProcSubset ProtectClock \
                     ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs \
                     ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem \
                     ReadOnlyPaths ReadWritePaths RestrictNamespaces RootHash RootHashPath \
                     RootHashSignature RootHashSignaturePath RootImage RootVerity \
                     TemporaryFileSystem",
        why: "namespaces and file systems of a unit's own: there are none, and who asks for them is told \
              when the file is read",
    },
    Row {
        units: ".service .socket",
        properties: "LockPersonality MemoryDenyWriteExecute RestrictAddressFamilies \
                     RestrictFileSystems RestrictRealtime RestrictSUIDSGID SystemCallArchitectures \
                     SystemCallErrorNumber SystemCallFilter SystemCallLog",
        why: "filters of system calls: the same",
    },
    Row {
        units: ".service .socket",
        properties: "AppArmorProfile SELinuxContext SmackProcessLabel",
        why: "labels of security modules: the same",
    },
    Row {
        units: ".socket",
        properties: "SmackLabel SmackLabelIPIn SmackLabelIPOut",
        why: "labels of security modules: the same",
    },
    Row {
        units: ".service .socket .slice",
        properties: "AllowedCPUs AllowedMemoryNodes BlockIOAccounting BlockIOWeight CPUAccounting \
                     CPUQuotaPeriodUSec CPUShares ControlGroupId DelegateControllers DevicePolicy \
                     DisableControllers EffectiveCPUs EffectiveMemoryNodes IPAddressAllow \
                     IPAddressDeny IPEgressFilterPath IPIngressFilterPath ManagedOOMMemoryPressure \
                     ManagedOOMMemoryPressureLimit ManagedOOMPreference ManagedOOMSwap \
                     MemoryAccounting RestrictNetworkInterfaces StartupAllowedCPUs \
                     StartupAllowedMemoryNodes StartupBlockIOWeight StartupCPUShares \
                     StartupCPUWeight StartupIOWeight TasksAccounting",
        why: "control of resources other than memory: the same",
    },
    Row {
        units: ".service .socket",
        properties: "PAMName RemoveIPC UtmpIdentifier UtmpMode",
        why: "sessions of users and what they leave: the same",
    },
    Row {
        units: ".service .socket",
        properties: "LoadCredentialEncrypted SetCredentialEncrypted",
        why: "encrypted credentials: the same",
    },
    Row {
        units: ".service",
        properties: "USBFunctionDescriptors USBFunctionStrings",
        why: "USB functions: the same",
    },
    Row {
        units: ".service .socket",
        properties: "CPUAffinityFromNUMA",
        why: "the processors of the nodes are among those of CPUAffinity",
    },
    Row {
        units: ".service .socket",
        properties: "SameProcessGroup TimeoutCleanUSec",
        why: "every program has a session of its own, and nothing is run to clean up",
    },
];
