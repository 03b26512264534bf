package v1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The annotations of a KafkaConnector.
const (
	// AnnotationAdopt, "true", allows the controller to take over a connector that it did not create.
	AnnotationAdopt = "kafka.example.com/adopt"
	// AnnotationAcknowledge says "I have looked at it": each new value (a time, say) ends an exhausted or held connector's latch and
	// empties its budget, once.
	AnnotationAcknowledge = "kafka.example.com/acknowledge"
	// AnnotationOwned is the controller's own mark, the resource's uid: this connector was created or adopted by this resource. It outlives
	// a status that was lost.
	AnnotationOwned = "kafka.example.com/owned-by-uid"
)

// Finalizer keeps a resource with deletionPolicy Delete until its connector is deleted, or Connect could not be reached for too long.
const Finalizer = "kafka.example.com/connector"

// The conditions of a KafkaConnector.
const (
	// ConditionReady is True while the connector and all its tasks are RUNNING, Unknown while Connect cannot be asked.
	ConditionReady = "Ready"
	// ConditionDegraded is True while something has failed, or may have.
	ConditionDegraded = "Degraded"
	// ConditionExhausted is True when no more restarts are made without a person: the budget is used up, or a restart cannot help.
	ConditionExhausted = "Exhausted"
	// ConditionSynced is True when Connect has the configuration and the state that spec asks for.
	ConditionSynced = "Synced"
)

// State is a state that a connector can be asked to be in.
// +kubebuilder:validation:Enum=running;paused;stopped
type State string

// The states.
const (
	StateRunning State = "running"
	StatePaused  State = "paused"
	StateStopped State = "stopped"
)

// DriftPolicy says what happens when somebody changes the connector at Connect.
// +kubebuilder:validation:Enum=Report;Enforce
type DriftPolicy string

// The drift policies.
const (
	DriftReport  DriftPolicy = "Report"
	DriftEnforce DriftPolicy = "Enforce"
)

// DeletionPolicy says what becomes of the connector when the resource is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionDelete DeletionPolicy = "Delete"
)

// Duration is a time as Go writes it: 500ms, 30s, 5m, 1h30m.
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
type Duration string

// KafkaConnectorSpec is what the connector should be. The connector's name is the resource's.
// +kubebuilder:validation:XValidation:rule="has(self.connectURL) == has(oldSelf.connectURL) && (!has(self.connectURL) || self.connectURL == oldSelf.connectURL)",message="connectURL cannot be changed: the connector would stay on the old cluster; delete the resource and create it again"
// +kubebuilder:validation:XValidation:rule="!has(self.configFrom) || !has(self.config) || self.configFrom.all(f, !(f.key in self.config))",message="a key of configFrom must not be in config as well"
type KafkaConnectorSpec struct {
	// Class of the connector, the connector.class of its configuration.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^\S+$`
	Class string `json:"class"`
	// TasksMax is the largest number of tasks, tasks.max.
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	TasksMax int32 `json:"tasksMax,omitempty"`
	// Config is the rest of the connector's configuration. Anybody who can read the resource can read it: use a config provider of the
	// workers (${file:...}) for what is secret.
	// +kubebuilder:validation:MaxProperties=1000
	// +kubebuilder:validation:XValidation:rule="!('connector.class' in self)",message="set spec.class, not connector.class"
	// +kubebuilder:validation:XValidation:rule="!('tasks.max' in self)",message="set spec.tasksMax, not tasks.max"
	// +kubebuilder:validation:XValidation:rule="!('name' in self)",message="the connector's name is metadata.name; leave out name"
	// +optional
	Config map[string]string `json:"config,omitempty"`
	// ConfigFrom takes values from Secrets of the same namespace. The values end up in Connect's config topic in clear, where everybody with
	// access to the REST API or the topic reads them: a config provider of the workers is better.
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MaxItems=50
	// +optional
	ConfigFrom []ConfigSource `json:"configFrom,omitempty"`
	// ConnectURL is the REST API of the Connect cluster. Defaults to the controller's flag -connect-url. It cannot be changed.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^@\s/?#]+(/[^@\s?#]*)?$`
	// +optional
	ConnectURL string `json:"connectURL,omitempty"`
	// State that the connector should be in. Unset leaves it as it is found.
	// +optional
	State State `json:"state,omitempty"`
	// AutoRestart says how often what has failed is restarted.
	// +kubebuilder:default={}
	// +optional
	AutoRestart AutoRestart `json:"autoRestart,omitzero"`
	// HealthCheck says how the connector is watched.
	// +kubebuilder:default={}
	// +optional
	HealthCheck HealthCheck `json:"healthCheck,omitzero"`
	// DriftPolicy says what to do when the connector was changed, paused or deleted at Connect: Report shows it in the conditions, Enforce
	// changes it back. A change of spec is always carried out.
	// +kubebuilder:default=Report
	// +optional
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`
	// DeletionPolicy says what becomes of the connector when the resource is deleted: Retain leaves it running, Delete deletes it.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// ConfigSource is one configuration value from a Secret.
type ConfigSource struct {
	// Key of the connector's configuration.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!(self in ['connector.class', 'tasks.max', 'name'])",message="connector.class, tasks.max and name cannot come from a Secret"
	Key string `json:"key"`
	// SecretKeyRef names the Secret, in the namespace of the resource, and the key in it.
	SecretKeyRef SecretKeyRef `json:"secretKeyRef"`
}

// SecretKeyRef is one key of a Secret.
type SecretKeyRef struct {
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// AutoRestart is the budget of restarts.
type AutoRestart struct {
	// Enabled false: failures are shown, nothing is restarted.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// MaxRestarts within the controller's sliding window; 0 means never.
	// +kubebuilder:default=7
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +optional
	MaxRestarts *int32 `json:"maxRestarts,omitempty"`
	// RestartDelay before the first restart; it grows from one restart to the next.
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('100ms') && duration(self) <= duration('24h')",message="restartDelay must be from 100ms to 24h"
	// +optional
	RestartDelay Duration `json:"restartDelay,omitempty"`
	// ResetOnSuccess true: after a recovery the delay starts over. It never gives restarts of the window back.
	// +kubebuilder:default=true
	// +optional
	ResetOnSuccess *bool `json:"resetOnSuccess,omitempty"`
}

// HealthCheck is how the connector is watched.
type HealthCheck struct {
	// Enabled false: the connector is configured and not watched, so that nothing is restarted either.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// Interval between two looks.
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="interval must be from 1s to 1h"
	// +optional
	Interval Duration `json:"interval,omitempty"`
	// FailureThreshold is how many looks in a row must show a failure before it is believed.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	FailureThreshold int32 `json:"failureThreshold,omitempty"`
}

// KafkaConnectorStatus is what was seen and done. It holds no trace, no configuration and no secret.
type KafkaConnectorStatus struct {
	// ObservedGeneration is the generation of spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, Degraded, Exhausted, Synced.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// ConnectURL that is used.
	// +optional
	ConnectURL string `json:"connectURL,omitempty"`
	// State of the connector at Connect: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED or RESTARTING; FAILED also when only a task is.
	// +optional
	State string `json:"state,omitempty"`
	// Type is source or sink.
	// +optional
	Type string `json:"type,omitempty"`
	// Tasks that are RUNNING, of all: 2/3.
	// +optional
	Tasks string `json:"tasks,omitempty"`
	// FailedTasks are the numbers of the tasks that are FAILED.
	// +listType=atomic
	// +optional
	FailedTasks []int32 `json:"failedTasks,omitempty"`
	// Phase of the supervisor: healthy, suspect, waiting, backoff, restarting, verifying, held, exhausted, paused or unknown.
	// +optional
	Phase string `json:"phase,omitempty"`
	// Reason for the phase, in words.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Restarts within the window.
	// +optional
	Restarts int32 `json:"restarts"`
	// BudgetLeft is how many restarts are left in the window.
	// +optional
	BudgetLeft *int32 `json:"budgetLeft,omitempty"`
	// LastRestart is when the last restart was reserved, of those that counted.
	// +optional
	LastRestart *metav1.Time `json:"lastRestart,omitempty"`
	// NextAttempt is when the next restart or probe is due.
	// +optional
	NextAttempt *metav1.Time `json:"nextAttempt,omitempty"`
	// LastFailure is what the connector failed with last.
	// +optional
	LastFailure *Failure `json:"lastFailure,omitempty"`
	// Applied is what the controller gave to Connect last.
	// +optional
	Applied *Applied `json:"applied,omitempty"`
	// Supervisor is the supervisor's memory. It is written before a restart is sent; who edits it loses it: the connector is then held
	// until it is acknowledged.
	// +optional
	Supervisor *Supervisor `json:"supervisor,omitempty"`
}

// Failure is a failure, explained.
type Failure struct {
	// Class of the cause: connection, timeout, authentication, ...
	Class string `json:"class"`
	// Summary in words.
	// +optional
	Summary string `json:"summary,omitempty"`
	// Remedies that help.
	// +listType=atomic
	// +optional
	Remedies []string `json:"remedies,omitempty"`
	// Fingerprint is equal for equal causes.
	// +optional
	Fingerprint string `json:"fingerprint,omitempty"`
	// Time when it was first seen.
	// +optional
	Time metav1.Time `json:"time,omitzero"`
}

// Applied is what was given to Connect.
type Applied struct {
	// Revision stands for spec's class, tasksMax and config, and for the versions of the Secrets, not their contents.
	// +optional
	Revision string `json:"revision,omitempty"`
	// State that was asked for.
	// +optional
	State State `json:"state,omitempty"`
}

// Supervisor is the memory of the restart supervisor for this connector.
type Supervisor struct {
	// State is the recovery package's own format, with a schema number.
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=object
	// +optional
	State *apiextensionsv1.JSON `json:"state,omitempty"`
	// Digest shows edits by hand.
	// +optional
	Digest string `json:"digest,omitempty"`
	// Acknowledged is the last value of the annotation acknowledge that was carried out.
	// +optional
	Acknowledged string `json:"acknowledged,omitempty"`
	// Sequence counts the writes, so that an older status that was put back is noticed.
	// +optional
	Sequence int64 `json:"sequence,omitempty"`
	// LostAt is when the memory was found lost or edited. Nothing is restarted from then on until it is acknowledged, or the window has
	// passed, in which everything that may have been forgotten has aged.
	// +optional
	LostAt *metav1.Time `json:"lostAt,omitempty"`
}

// KafkaConnector is a connector of a Kafka Connect cluster, kept running.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=kafka,shortName=kctr
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Tasks",type=string,JSONPath=`.status.tasks`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Restarts",type=integer,JSONPath=`.status.restarts`
// +kubebuilder:printcolumn:name="Next attempt",type=string,JSONPath=`.status.nextAttempt`
// +kubebuilder:printcolumn:name="Synced",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Synced")].reason`
// +kubebuilder:printcolumn:name="Cause",type=string,priority=1,JSONPath=`.status.lastFailure.class`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type KafkaConnector struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// +required
	Spec KafkaConnectorSpec `json:"spec"`
	// +optional
	Status KafkaConnectorStatus `json:"status,omitzero"`
}

// KafkaConnectorList is a list of them.
//
// +kubebuilder:object:root=true
type KafkaConnectorList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`

	Items []KafkaConnector `json:"items"`
}
