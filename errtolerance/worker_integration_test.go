package errtolerance_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/go-reconnect/reconnect/internal/testutil"
)

const jmxPort = "9404"

// TestOnRealWorkers holds what the linter and Predict say against workers: one broker and one worker for each version, with a plugin
// that fails where it is told to, shared by everything that is compared.
func TestOnRealWorkers(t *testing.T) {
	testutil.Integration(t)
	versions := testutil.Versions()
	if len(versions) > 2 {
		versions = []string{versions[0], versions[len(versions)-1]}
	}
	for _, v := range versions {
		t.Run("kafka "+v, func(t *testing.T) {
			t.Parallel()
			c := testutil.NewCluster(t, testutil.Options{
				Version: v, Workers: 1, WorkerHeap: "512M",
				Plugins: []testutil.Plugin{testutil.JavaPlugin(t, v, "faults", "testdata/faults")},
				WorkerProperties: map[string]string{
					"plugin.discovery": "service_load", "offset.flush.interval.ms": "500", "task.shutdown.graceful.timeout.ms": "500",
				},
				WorkerEnv: map[string]string{"KAFKA_JMX_OPTS": "-Dcom.sun.management.jmxremote -Dcom.sun.management.jmxremote.authenticate=false -Dcom.sun.management.jmxremote.ssl=false" +
					" -Dcom.sun.management.jmxremote.port=" + jmxPort + " -Dcom.sun.management.jmxremote.rmi.port=" + jmxPort + " -Djava.rmi.server.hostname=127.0.0.1"},
			})
			w := &worker{c: c, url: c.URLs()[0]}
			t.Run("side by side", func(t *testing.T) {
				t.Run("Kafka refuses what the linter says it refuses", func(t *testing.T) {
					t.Parallel()
					refusesWhatIsSaid(t, w)
				})
				t.Run("a worker does what is predicted", func(t *testing.T) {
					t.Parallel()
					doesWhatIsPredicted(t, w, predictRows())
				})
			})
			t.Run("with exactly-once support", func(t *testing.T) {
				w.exactlyOnce(t)
				doesWhatIsPredicted(t, w, exactlyOnceRows())
			})
		})
	}
}

// worker calls a real worker's REST API as plainly as it goes: what is compared here are answers, not our client.
type worker struct {
	c   *testutil.Cluster
	url string
}

var restClient = http.Client{Timeout: 2 * time.Minute}

func (w *worker) call(ctx context.Context, method, path string, in any) (status int, body []byte, err error) {
	var reader io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, w.url+path, reader)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := restClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, err
}

// patiently repeats a call that a rebalance got in the way of.
func (w *worker) patiently(ctx context.Context, method, path string, in any) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*time.Minute, errors.New("rebalancing for three minutes"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body, err = w.call(ctx, method, path, in)
		if err != nil {
			return status, body, err
		}
		text := string(body)
		if status != http.StatusConflict && !strings.Contains(text, "rebalance") && !strings.Contains(text, "timed out") {
			return status, body, nil
		}
		select {
		case <-ctx.Done():
			return status, body, fmt.Errorf("%s %s: %w: %s", method, path, context.Cause(ctx), text)
		case <-tick.C:
		}
	}
}

// validate returns whether the worker finds errors, and its words.
func (w *worker) validate(ctx context.Context, plugin string, config map[string]string) (refused bool, said string, err error) {
	status, body, err := w.patiently(ctx, http.MethodPut, "/connector-plugins/"+plugin+"/config/validate", config)
	if err != nil || status != http.StatusOK {
		return true, string(body), err
	}
	var answer struct {
		ErrorCount int `json:"error_count"`
		Configs    []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, "", err
	}
	var lines []string
	for _, c := range answer.Configs {
		for _, e := range c.Value.Errors {
			lines = append(lines, c.Value.Name+": "+e)
		}
	}
	return answer.ErrorCount > 0, strings.Join(lines, "\n"), nil
}

// create returns whether the worker refuses the connector.
func (w *worker) create(ctx context.Context, name, state string, config map[string]string) (refused bool, said string, err error) {
	in := map[string]any{"name": name, "config": config}
	if state != "" {
		in["initial_state"] = state
	}
	status, body, err := w.patiently(ctx, http.MethodPost, "/connectors", in)
	if err != nil || status == http.StatusCreated {
		return false, "", err
	}
	if status != http.StatusBadRequest {
		return true, string(body), fmt.Errorf("POST /connectors: %d: %s", status, body)
	}
	return true, string(body), nil
}

type taskStatus struct{ State, Trace string }

// tasks returns the first task of every connector that has one.
func (w *worker) tasks(ctx context.Context) (map[string]taskStatus, error) {
	status, body, err := w.call(ctx, http.MethodGet, "/connectors?expand=status", nil)
	if err != nil || status != http.StatusOK {
		return nil, errors.Join(err, fmt.Errorf("GET /connectors: %d: %s", status, body))
	}
	var answer map[string]struct {
		Status struct{ Tasks []taskStatus }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	out := map[string]taskStatus{}
	for name, c := range answer {
		if len(c.Status.Tasks) > 0 {
			out[name] = c.Status.Tasks[0]
		}
	}
	return out, nil
}

// sourcePosition is how far the fault source has come by the worker's offsets.
func (w *worker) sourcePosition(ctx context.Context, name string) (int64, error) {
	status, body, err := w.patiently(ctx, http.MethodGet, "/connectors/"+url.PathEscape(name)+"/offsets", nil)
	if err != nil || status != http.StatusOK {
		return 0, errors.Join(err, fmt.Errorf("GET offsets of %s: %d: %s", name, status, body))
	}
	var answer struct {
		Offsets []struct{ Offset struct{ N int64 } }
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Offsets) == 0 {
		return 0, err
	}
	return answer.Offsets[0].Offset.N, nil
}

// beans reads every task-error-metrics bean and every fault of the plugin through the worker's JMX port, by connector and attribute.
func (w *worker) beans(ctx context.Context) (map[string]map[string]int, error) {
	text, err := w.c.Worker(0).Exec(ctx, "sh", "-c", "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp /opt/connect-plugins/faults/*.jar faults.Beans "+jmxPort)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]int{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("not a bean: %q", line)
		}
		n, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			continue // last-error-timestamp of a task without one
		}
		if out[f[0]] == nil {
			out[f[0]] = map[string]int{}
		}
		out[f[0]][f[1]] = int(n)
	}
	return out, nil
}

// each runs fn for every index, eight at a time.
func each(t *testing.T, n int, fn func(ctx context.Context, i int) error) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error { return fn(ctx, i) })
	}
	require.NoError(t, g.Wait())
}

func (w *worker) delete(ctx context.Context, name string) error {
	status, body, err := w.patiently(ctx, http.MethodDelete, "/connectors/"+url.PathEscape(name), nil)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("DELETE %s: %d: %s", name, status, body)
	}
	return err
}

// exactlyOnce starts the worker anew with exactly-once support for its sources.
func (w *worker) exactlyOnce(t *testing.T) {
	t.Helper()
	const props = "/tmp/connect-distributed.properties"
	node := w.c.Worker(0)
	text, err := node.ReadFile(t.Context(), props)
	require.NoError(t, err)
	require.NoError(t, node.Stop(t.Context()))
	require.NoError(t, node.WriteFile(t.Context(), props, append(text, "exactly.once.source.support=enabled\n"...)))
	require.NoError(t, node.Start(t.Context()))
}
