/**
 * Conditions, their reasons, and what each means. These tables are what status writers are typed against and what the
 * field reference prints. A reason is here when something sets it, and its meaning never changes afterwards: people's
 * alerts and scripts hold on to it.
 */

/** `status.conditions` of a BPF, written by the operator. All four are always present. */
export const bpfConditions = {
  Accepted: {
    about: 'The manifest and the object make sense.',
    True: { Accepted: 'The object was read and its content is pinned.' },
    False: {
      ConfigMapNotFound: 'The ConfigMap that spec.program names is not there.',
      KeyNotFound: 'The ConfigMap has no such key; the message lists those it has.',
      PayloadTooLarge: 'More than 1 MiB stored, or more than 16 MiB after gunzip.',
      DigestMismatch: 'The bytes are not those that spec.program.sha256 pins; the message has both digests.',
      NotAnELF: 'The bytes are no ELF file: empty, text, or something else.',
      InvalidObject: 'An ELF file, but not a complete little-endian 64-bit BPF object with a program in it.',
      UnknownProgram: 'The object has no such program as spec.programs names; the message lists those it has.',
      UnknownMap: 'The object has no such map as spec.maps names; the message lists those it has.',
      UnknownGlobal: 'The object has no such variable as spec.globals names; the message lists those it has.',
      InvalidGlobal: 'A value of spec.globals does not fit its variable; the message has the type and its range.',
      InvalidMetric:
        'Maps cannot be exported as spec.metrics or their types say; the message names the line, or both that come out alike.',
    },
  },
  Progressing: {
    about: 'Nodes are moving to the wanted revision.',
    True: {
      RolloutInProgress: 'Some nodes have not reported on the wanted revision yet.',
      WaitingForNodes: 'Selected nodes have no agent that could report yet.',
    },
    False: {
      RolloutComplete: 'Every selected node has reported on the wanted revision.',
      Suspended: 'It is suspended (spec.suspend).',
      NotAccepted: 'There is nothing to roll out; see Accepted.',
    },
  },
  Ready: {
    about: 'Every selected node that can run it runs the wanted revision.',
    True: { AllNodesReady: 'It runs everywhere it should.' },
    False: {
      NoMatchingNodes: 'No node is selected by nodeSelector and affinity and eligible for an agent.',
      SomeNodesFailed: 'It failed on some nodes; see status.failures.',
      AllNodesFailed: 'It failed on every node; see status.failures.',
      AwaitingNodes: 'Nodes have still to report, or none runs the wanted revision yet.',
      NotAccepted: 'The manifest or the object was refused; see Accepted.',
      Suspended: 'It is suspended (spec.suspend).',
      Terminating: 'The BPF is being deleted.',
    },
  },
  Degraded: {
    about: 'Something needs a person.',
    True: {
      NodesFailed: 'It failed on some nodes; see status.failures.',
      NodesUnreachable: 'Nodes or their agents have not been ready for a minute.',
      MetricConflict: 'Another BPF on the same node exports a metric of the same name with another type.',
      SeriesLimited: 'Nodes leave series out, since the BPF has more of them than spec.metrics.maxSeries.',
    },
    False: { AsExpected: 'Nothing to do.' },
  },
} as const satisfies ConditionTable;

/** `status.conditions` of a BPFNode, written by that node's agent. */
export const nodeConditions = {
  AgentReady: {
    about: 'The agent has read what it should run and has tried to run it.',
    True: { Running: 'It is at work.' },
    False: {
      Starting: 'It has not read all that it should run yet.',
      Stopping: 'It was asked to stop. Programs it had loaded are detached.',
    },
  },
  KernelSupported: {
    about: 'The kernel, as the agent may use it, can load and attach programs.',
    True: { Supported: 'Maps can be created and programs loaded.' },
    False: {
      PermissionDenied: 'EPERM; the message names the capability, the sysctl or the lockdown mode that forbids it.',
      SeccompBlocked: 'A seccomp profile forbids the bpf(2) system call.',
      ProgramTypeUnsupported: 'The kernel has no BPF, or too little of it.',
    },
  },
} as const satisfies ConditionTable;

/** Why one program is not, or not wholly, at work on one node: `status.programs[].reason` of a BPFNode. */
export const nodeReasons = {
  VerifierRejected: "The kernel's verifier said no; the message is the last telling line of its log.",
  BTFMissing: 'A CO-RE relocation or an attachment by BTF needs type information that this kernel does not have.',
  AttachTargetMissing: 'There is no such function, tracepoint, interface, binary or cgroup.',
  ProgramTypeUnsupported: 'This kernel does not have this type of program, or no way to attach it.',
  MapTypeUnsupported: 'This kernel does not have this type of map.',
  PermissionDenied: 'EPERM or EACCES; the message names the capability or the lockdown mode that forbids it.',
  SeccompBlocked: 'A seccomp profile forbids the system call.',
  MemlockExceeded: 'The limit on locked memory is too low for this kernel, which accounts maps to it.',
  MapTooLarge: 'A map does not fit into memory, or is larger than the kernel allows.',
  PayloadUnavailable: 'The object could not be fetched.',
  DigestMismatch: 'The object that arrived is not the one that was pinned.',
  InvalidObject: 'The object makes no sense to libbpf.',
  InvalidMetric:
    'Its maps cannot be exported as spec.metrics or their types say; the message names the line, or both that come out alike.',
  OptionalProgramFailed: 'A warning: a program that is not required is off, and the rest runs; the message says why.',
  MetricConflict: 'A warning: another BPF on this node exports a metric of the same name with another type.',
  SeriesLimited: 'A warning: the last scrape left series out, since there are more than spec.metrics.maxSeries.',
  CrashedAgent: 'Loading this revision ended the agent twice in a row; it is not tried again until something changes.',
  Internal: 'Anything else, with the errno and the call.',
} as const;

/** `status.phase` of a BPF: one word for people and for `--field-selector`. The first that applies. */
export const phases = {
  Terminating: 'It is being deleted.',
  Suspended: 'It is suspended (spec.suspend): nothing is attached.',
  Degraded: 'Something needs a person, or an edit was refused while an older revision runs.',
  Pending: 'Nothing has been accepted, or no node has taken it yet.',
  Progressing: 'Nodes are moving to the wanted revision.',
  Ready: 'Every selected node that can run it runs the wanted revision.',
} as const;

type ConditionTable = Readonly<
  Record<
    string,
    {
      readonly about: string;
      readonly True: Readonly<Record<string, string>>;
      readonly False: Readonly<Record<string, string>>;
    }
  >
>;

type ReasonsOf<Table extends ConditionTable> = {
  readonly [Type in keyof Table & string]: {
    readonly [Status in 'True' | 'False']: {
      readonly type: Type;
      readonly status: Status;
      readonly reason: keyof Table[Type][Status] & string;
    };
  }['True' | 'False'];
}[keyof Table & string];

export type BpfConditionType = keyof typeof bpfConditions;
export type NodeConditionType = keyof typeof nodeConditions;

/** Type, status and reason of a condition, as they can occur together. */
export type BpfVerdict = ReasonsOf<typeof bpfConditions>;
export type NodeVerdict = ReasonsOf<typeof nodeConditions>;

/** Why a manifest or an object is refused before any node is touched. */
export type RejectionReason = keyof typeof bpfConditions.Accepted.False;
export type NodeReason = keyof typeof nodeReasons;
export type Phase = keyof typeof phases;
