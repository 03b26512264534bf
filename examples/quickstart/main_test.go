package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/go-reconnect/reconnect/connect/connecttest"
	"github.com/go-reconnect/reconnect/dlq"
	"github.com/go-reconnect/reconnect/examples/quickstart/internal/filesink"
	"github.com/go-reconnect/reconnect/internal/testutil"
	"github.com/go-reconnect/reconnect/recovery"
)

// quickstart runs the program and returns what it printed.
func quickstart(t *testing.T, change func(*options), args ...string) (code int, stdout, stderr string) {
	t.Helper()
	if change == nil {
		change = func(*options) {}
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs, change)
	t.Logf("exit %d\n%s%s", code, out.String(), errs.String())
	return code, out.String(), errs.String()
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	code, out, errs := quickstart(t, nil)
	assert.Zero(t, code)
	assert.Empty(t, errs)
	assert.Contains(t, out, "every one of the 300 orders is in the sink, the 13 dead letters included")
	assert.Contains(t, out, "held 300 records (end offsets)")
	assert.Contains(t, out, "300 lines")
	assert.Equal(t, 13, strings.Count(out, " fixed and republished to "), "each dead letter has its outcome")
}

type idle struct{}

func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func TestASupervisorThatDoesNothingIsFoundOut(t *testing.T) {
	t.Parallel()
	code, out, _ := quickstart(t, func(o *options) {
		o.newSupervisor = func(recovery.Connect, recovery.Config) (supervisor, error) { return idle{}, nil }
		o.patience = time.Second // nothing will come, however long it waits
	})
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "0 accepted by Connect")
	assert.Contains(t, out, "NOT COMPLETE: 300 orders are not in the sink")
}

type lazy struct{}

func (lazy) Run(context.Context) (dlq.Report, error) { return dlq.Report{Complete: true}, nil }

func doNothing(dlq.RepublisherConfig) (republisher, error) { return lazy{}, nil }

func TestARepublisherThatDoesNothingIsFoundOut(t *testing.T) {
	t.Parallel()
	code, out, _ := quickstart(t, func(o *options) { o.newRepublisher = doNothing })
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "NOT COMPLETE: 13 orders are not in the sink")
	assert.Equal(t, 13, strings.Count(out, " nothing became of it"))
}

func TestOneRecordThatTheSinkDropsIsFoundOut(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	code, out, _ := quickstart(t, func(o *options) {
		o.start = startEmbedded(func(*kgo.Record) (bool, error) { return n.Add(1) != 77, nil })
	})
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "NOT COMPLETE: 1 order is not in the sink")
}

func TestOneDeadLetterThatTheRepublisherSkipsIsFoundOut(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	code, out, _ := quickstart(t, func(o *options) {
		o.newRepublisher = func(c dlq.RepublisherConfig) (republisher, error) {
			fix := c.Handler
			c.Handler = func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
				if n.Add(1) == 5 {
					return dlq.Skip("to see whether it is noticed"), nil
				}
				return fix(ctx, r)
			}
			return dlq.NewRepublisher(c)
		}
	})
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "NOT COMPLETE: 1 order is not in the sink")
	assert.Equal(t, 1, strings.Count(out, " nothing became of it"))
}

func TestARepairThatIsWrongIsFoundOut(t *testing.T) {
	t.Parallel()
	code, out, _ := quickstart(t, func(o *options) {
		o.newRepublisher = func(c dlq.RepublisherConfig) (republisher, error) {
			fix := c.Handler
			c.Handler = func(ctx context.Context, r *dlq.Record) (dlq.Decision, error) {
				d, err := fix(ctx, r)
				r.Out.Value = bytes.Replace(r.Out.Value, []byte("customer 4"), []byte("customer 5"), 1)
				return d, err
			}
			return dlq.NewRepublisher(c)
		}
	})
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "the value is not the repaired one")
}

func TestRecordsWrittenTwiceAreCountedAndExplained(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	code, out, _ := quickstart(t, func(o *options) {
		o.start = startEmbedded(func(*kgo.Record) (bool, error) {
			if n.Add(1) == 60 {
				return false, errors.New("disk full") // after 59 lines whose offsets are not committed
			}
			return true, nil
		})
	})
	assert.Zero(t, code, "a sink delivers at least once")
	assert.NotContains(t, out, " 0 orders more than once")
	assert.Contains(t, out, "a sink delivers at least once: what it wrote or dead-lettered after its last offset commit, it does again")
}

func TestBadInputIsOneLine(t *testing.T) {
	t.Parallel()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	kafkaAt := broker.ListenAddrs()[0]
	html := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html><body>Sign in</body></html>")
	}))
	t.Cleanup(html.Close)
	worker := connecttest.NewServer(connecttest.Config{})
	t.Cleanup(worker.Close)
	closed := closedPort(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"a flag that does not exist":    {[]string{"-dockr"}, "flag provided but not defined: -dockr; -h lists the flags"},
		"a value that is no number":     {[]string{"-orders", "many"}, "-orders"},
		"an argument":                   {[]string{"docker"}, `unexpected argument "docker"`},
		"too few orders":                {[]string{"-orders", "3"}, "-orders is 3: give 25 to 100000"},
		"a negative patience":           {[]string{"-patience", "-1s"}, "give a positive duration"},
		"two places":                    {[]string{"-docker", "-brokers", "a:1", "-connect", "http://a"}, "exclude each other"},
		"brokers without Connect":       {[]string{"-brokers", "a:1"}, "give both"},
		"a version without -docker":     {[]string{"-kafka", "3.9.0"}, "give -docker too"},
		"brokers that do not answer":    {[]string{"-brokers", closed, "-connect", "http://" + closed}, "no Kafka broker answers at " + closed},
		"a Connect URL that is none":    {[]string{"-brokers", kafkaAt, "-connect", "://"}, "-connect: "},
		"a worker that does not answer": {[]string{"-brokers", kafkaAt, "-connect", "http://" + closed}, "no Connect worker answers at http://" + closed},
		"a worker that answers HTML":    {[]string{"-brokers", kafkaAt, "-connect", html.URL}, "is not Kafka Connect"},
		"brokers of another cluster":    {[]string{"-brokers", kafkaAt, "-connect", worker.URL()}, "give the brokers of the worker's own cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, tt.want, tt.args...)
		})
	}
}

func TestDockerThatIsNotThereIsOneLine(t *testing.T) {
	t.Parallel()
	code, out, errs := quickstart(t, func(o *options) {
		o.start = startDocker("", func(context.Context, testutil.Options) (*testutil.Cluster, error) {
			return nil, errors.New("testutil: no Docker engine answers (start one):\n cannot connect")
		})
	}, "-docker")
	assert.Equal(t, 1, code)
	assert.Empty(t, out)
	assert.Equal(t, "quickstart: -docker: no Docker engine answers (start one): cannot connect; without -docker everything runs in this process\n", errs)
}

// refused says that the program ends with one line, and did nothing.
func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	code, out, errs := quickstart(t, nil, args...)
	assert.Equal(t, 1, code)
	assert.Empty(t, out)
	assert.Equal(t, 1, strings.Count(errs, "\n"), "one line")
	assert.True(t, strings.HasPrefix(errs, "quickstart: "))
	assert.Contains(t, errs, want)
}

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().String()
}

// The user's own cluster, made of the embedded parts with a Kafka cluster id that fits: what the program makes is removed from it.
func TestOwnCluster(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	code, out, errs := quickstart(t, nil, place.args()...)
	require.Zero(t, code, errs)
	assert.Contains(t, out, "every one of the 300 orders is in the sink, the 13 dead letters included")
	assert.Contains(t, out, "counted in its answers, on the wire")
	place.isClean()
}

func TestAnInterruptCleansUp(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var out, errs bytes.Buffer
	code := run(ctx, place.args(), &out, &errs, func(o *options) {
		o.newRepublisher = func(dlq.RepublisherConfig) (republisher, error) {
			interrupt()
			return nil, context.Canceled
		}
	})
	assert.Equal(t, 1, code)
	assert.Equal(t, "quickstart: interrupted; what it made is removed\n", errs.String())
	place.isClean()
}

// place is a cluster that is somebody's own.
type place struct {
	t      *testing.T
	broker *kfake.Cluster
	worker *connecttest.Server
}

func newPlace(t *testing.T) place {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	worker := connecttest.NewServer(connecttest.Config{})
	t.Cleanup(worker.Close)
	p := place{t, broker, worker}
	sink := &filesink.Worker{Brokers: broker.ListenAddrs()} // which commits once a minute, as workers do by default
	worker.RegisterPlugin(filesink.Class, "sink", func(ctx context.Context, task connecttest.Task) error {
		t.Cleanup(func() { _ = os.Remove(task.Config["file"]) })
		return sink.Run(ctx, task.Connector, task.Task, task.Config)
	})
	worker.RegisterPlugin(fileSource, "source", p.readFile)
	// connecttest has no Kafka behind it: GET / names the broker's cluster as a worker of it would.
	worker.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/" {
			return false
		}
		k, err := dialKafka(r.Context(), broker.ListenAddrs())
		if err != nil {
			return false
		}
		defer k.close()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"version":"4.3.1","commit":"c","kafka_cluster_id":"`+k.clusterID+`"}`)
		return true
	})
	return p
}

func (p place) args() []string {
	return []string{"-brokers", strings.Join(p.broker.ListenAddrs(), ","), "-connect", p.worker.URL()}
}

// readFile is FileStreamSourceTask, for a file that has come to its end.
func (p place) readFile(ctx context.Context, task connecttest.Task) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(p.broker.ListenAddrs()...), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer client.Close()
	content, err := os.ReadFile(task.Config["file"])
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(content)) {
		r := &kgo.Record{Topic: task.Config["topic"], Value: []byte(strings.TrimSuffix(line, "\n"))}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// isClean says that nothing of the program is left.
func (p place) isClean() {
	p.t.Helper()
	k, err := dialKafka(p.t.Context(), p.broker.ListenAddrs())
	require.NoError(p.t, err)
	defer k.close()
	topics, err := kmsg.NewPtrMetadataRequest().RequestWith(p.t.Context(), k.client)
	require.NoError(p.t, err)
	for _, topic := range topics.Topics {
		assert.NotContains(p.t, *topic.Topic, "reconnect-quickstart-")
	}
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(p.t.Context(), k.client)
	require.NoError(p.t, err)
	assert.Empty(p.t, groups.Groups)
	resp, err := http.Get(p.worker.URL() + "/connectors")
	require.NoError(p.t, err)
	defer func() { _ = resp.Body.Close() }()
	connectors, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	assert.JSONEq(p.t, "[]", string(connectors))
}
