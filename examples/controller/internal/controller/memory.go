package controller

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/go-reconnect/reconnect/recovery"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/go-reconnect/reconnect/examples/controller/api/v1"
)

// memo is what this process knows of one resource beyond what the API server has.
type memo struct {
	uid        types.UID
	observedAt time.Time // of the snapshot that was decided on last: none counts twice
	next       time.Time // when a decision is due before the next look
	appliedAt  time.Time // what Connect shows may be older than this
	missing    int       // looks in a row in which Connect itself said that there is no such connector
	rejected   struct {
		revision string
		until    time.Time
		times    int
		message  string
	}
	linted string // revision whose warnings were told

	// The supervisor's memory as it was written last. It is not known at the start, and after a write whose outcome is open.
	known bool
	mind  mind
}

// mind is the supervisor's memory of one connector, as status.supervisor holds it.
type mind struct {
	state        recovery.State
	acknowledged string
	lostAt       time.Time // when it was found lost or edited; zero: it never was
	sequence     int64     // of the writes
}

// The ways in which a mind that cannot be believed was found.
var (
	errLost   = errors.New("the supervisor's memory in the status is gone")
	errEdited = errors.New("the supervisor's memory in the status was edited")
)

// sum is over the canonical form: the API server reorders keys.
func (m *mind) sum(uid types.UID) string {
	return digest(uid, m.state, m.acknowledged, m.lostAt.UTC(), m.sequence)
}

// readMind reads the supervisor's memory. An error that is neither errLost nor errEdited is a format of a newer version.
func readMind(kc *v1.KafkaConnector) (mind, error) {
	sup := kc.Status.Supervisor
	if sup == nil || sup.State == nil {
		return mind{}, errLost
	}
	m := mind{acknowledged: sup.Acknowledged, sequence: sup.Sequence}
	if sup.LostAt != nil {
		m.lostAt = sup.LostAt.UTC()
	}
	if err := json.Unmarshal(sup.State.Raw, &m.state); err != nil {
		if errors.Is(err, recovery.ErrSchema) {
			return mind{}, err
		}
		return mind{}, errEdited
	}
	if m.sum(kc.UID) != sup.Digest {
		return mind{}, errEdited
	}
	return m, nil
}

// write puts the memory into a status, with the next number if it differs from what is there.
func (m *mind) write(kc *v1.KafkaConnector) error {
	old, err := readMind(kc)
	if err == nil {
		same := *m
		same.sequence = old.sequence
		if same == old {
			*m = old
			return nil
		}
	}
	m.sequence = max(m.sequence, old.sequence) + 1
	raw, err := json.Marshal(m.state)
	if err != nil {
		return err
	}
	sup := &v1.Supervisor{State: &apiextensionsv1.JSON{Raw: raw}, Digest: m.sum(kc.UID), Acknowledged: m.acknowledged, Sequence: m.sequence}
	if !m.lostAt.IsZero() {
		sup.LostAt = &metav1.Time{Time: m.lostAt}
	}
	kc.Status.Supervisor = sup
	return nil
}

// seconds is a time as a status can hold it, or nil for none: anything finer would look like a change at each read.
func seconds(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Truncate(time.Second)}
}
