package connecttest

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	packageTools      = "org.apache.kafka.connect.tools."
	packageFile       = "org.apache.kafka.connect.file."
	packageTransforms = "org.apache.kafka.connect.transforms."
)

// builtinPlugins are what a worker of the tried set-ups has: the file, mock and verifiable connectors, and Kafka's own
// transformations, predicates and converters.
func builtinPlugins(version string, v apiVersion) []*plugin {
	out := []*plugin{
		{class: packageFile + "FileStreamSinkConnector", kind: "sink", startTask: fileSinkStart, keys: fileSinkKeys(), offsets: offsetRules{managed: true}},
		{class: packageTools + "MockSinkConnector", kind: "sink", startConnector: mockStart, startTask: mockTaskStart, watch: mockWatch, run: mockTask, tasks: oneTask},
		{class: packageTools + "VerifiableSinkConnector", kind: "sink"},
		{class: packageFile + "FileStreamSourceConnector", kind: "source", keys: fileSourceKeys(), tasks: oneTask, offsets: offsetRules{managed: true, check: fileOffset}},
		{class: packageTools + "MockSourceConnector", kind: "source", startConnector: mockStart, startTask: mockTaskStart, watch: mockWatch, run: mockTask, tasks: oneTask},
		{class: packageTools + "SchemaSourceConnector", kind: "source", startTask: throughputStart("SchemaSourceTask")},
		{class: packageTools + "VerifiableSourceConnector", kind: "source", startTask: throughputStart("VerifiableSourceTask")},
	}
	for _, p := range out {
		p.buildTask = buildTask
	}
	out = append(out, helperPlugins(v)...)
	for _, p := range out {
		p.version = version
		if p.location == "" {
			p.location = "classpath"
		}
	}
	return out
}

func guessKind(class string, config *javaMap) string {
	if !config.has("topics") && !config.has("topics.regex") && strings.Contains(class[strings.LastIndexByte(class, '.')+1:], "Source") {
		return "source"
	}
	return "sink"
}

// withTaskClass is what Worker.connectorTaskConfigs adds.
func withTaskClass(cfg *javaMap, class string) *javaMap {
	out := cfg.clone()
	out.put("task.class", strings.TrimSuffix(class, "Connector")+"Task")
	return out
}

func oneTask(int) int { return 1 }

func fileSinkKeys() []configKey {
	return []configKey{own("file", "STRING", nil, "HIGH", "The file to write; standard output when there is none.")}
}

func fileSourceKeys() []configKey {
	return []configKey{
		own("file", "STRING", nil, "HIGH", "The file to read; standard input when there is none."),
		own("topic", "STRING", nil, "HIGH", "The topic to write to.").must().checked(notEmpty),
		own("batch.size", "INT", new("2000"), "LOW", "The most records of one poll."),
	}
}

func notEmpty(name string, value *string) string {
	if value != nil && *value == "" {
		return invalid(name, value, "String must be non-empty")
	}
	return ""
}

// fileSinkStart fails while the file's directory does not exist: Server.MakeDir creates it.
func fileSinkStart(s *Server, cfg *javaMap) string {
	file := cfg.get("file")
	if file == "" || s.dirs[path.Dir(file)] {
		return ""
	}
	return javaTrace("org.apache.kafka.connect.errors.ConnectException: Couldn't find or create file '"+file+"' for FileStreamSinkTask",
		frames(packageFile+"FileStreamSinkTask.start(FileStreamSinkTask.java:74)",
			frames("org.apache.kafka.connect.runtime.WorkerSinkTask.initializeAndStart(WorkerSinkTask.java:324)", startFrames))...) +
		javaTrace("Caused by: java.nio.file.NoSuchFileException: "+file,
			"java.base/sun.nio.fs.UnixException.translateToIOException(Unknown Source)",
			"java.base/java.nio.file.Files.newOutputStream(Unknown Source)",
			packageFile+"FileStreamSinkTask.start(FileStreamSinkTask.java:70)", "... 10 more")
}

// MakeDir creates a directory of the workers' imaginary disk, on which FileStreamSinkConnector fails to start where its
// file has none. `/` and `/tmp` exist from the beginning. Nothing is ever written to it.
func (s *Server) MakeDir(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for dir = path.Clean(dir); !s.dirs[dir]; dir = path.Dir(dir) {
		s.dirs[dir] = true
	}
}

func fileOffset(partition, offset *node) string {
	if partition == nil || partition.kind != '{' || partition.fields["filename"] == nil {
		return "Partition objects must contain the key 'filename'"
	}
	if offset == nil || offset.kind != '{' {
		return ""
	}
	position := offset.fields["position"]
	if position == nil {
		return "Offset objects should either be null or contain the key 'position'"
	}
	n, err := strconv.ParseInt(position.text, 10, 64)
	switch {
	case position.kind == 'z':
		return ""
	case err != nil || position.kind != 'n':
		return "The value for the 'position' key in the offset is expected to be a Long value"
	case n < 0:
		return "The value for the 'position' key in the offset should be a non-negative value"
	}
	return ""
}

const mockDelay = 15 * time.Second

// mockAfter reads delay_ms; trace is the failure of a value that is not a number.
func mockAfter(cfg *javaMap, mode string, own ...string) (d time.Duration, trace string) {
	if cfg.get("mock_mode") != mode {
		return -1, ""
	}
	if !cfg.has("delay_ms") {
		return mockDelay, ""
	}
	ms, err := strconv.ParseInt(cfg.get("delay_ms"), 10, 64)
	if err != nil {
		return 0, javaTrace(`java.lang.NumberFormatException: For input string: "`+cfg.get("delay_ms")+`"`,
			append([]string{
				"java.base/java.lang.NumberFormatException.forInputString(Unknown Source)", "java.base/java.lang.Long.parseLong(Unknown Source)",
			}, own...)...)
	}
	return time.Duration(ms) * time.Millisecond, ""
}

func mockStart(_ *Server, cfg *javaMap) string {
	_, trace := mockAfter(cfg, "connector-failure", frames(packageTools+"MockConnector.start(MockConnector.java:75)", connectorStartFrames)...)
	return trace
}

func mockTaskStart(_ *Server, cfg *javaMap) string {
	_, trace := mockAfter(cfg, "task-failure", startFrames...)
	return trace
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func mockWatch(ctx context.Context, cfg *javaMap) error {
	d, _ := mockAfter(cfg, "connector-failure")
	if d < 0 {
		return nil
	}
	if err := sleep(ctx, d); err != nil {
		return err
	}
	return errors.New(javaTrace("java.lang.RuntimeException",
		packageTools+"MockConnector.lambda$start$0(MockConnector.java:81)",
		"java.base/java.util.concurrent.Executors$RunnableAdapter.call(Unknown Source)",
		"java.base/java.util.concurrent.FutureTask.run(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(Unknown Source)",
		"java.base/java.lang.Thread.run(Unknown Source)"))
}

func mockTask(ctx context.Context, t Task) error {
	d, _ := mockAfter(javaMapOf(t.Config), "task-failure")
	if d < 0 {
		return nil
	}
	if err := sleep(ctx, d); err != nil {
		return err
	}
	if strings.HasSuffix(t.Config["task.class"], "SinkTask") {
		return errors.New(SinkTrace(strings.TrimSuffix(javaTrace("java.lang.RuntimeException",
			packageTools+"MockSinkTask.put(MockSinkTask.java:56)",
			"org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:606)"), "\n")))
	}
	return errors.New(javaTrace("java.lang.RuntimeException", frames(packageTools+"MockSourceTask.poll(MockSourceTask.java:67)", sourceTaskFrames)...))
}

func throughputStart(task string) func(*Server, *javaMap) string {
	return func(_ *Server, cfg *javaMap) string {
		if _, err := strconv.ParseInt(cfg.get("throughput"), 10, 32); err == nil {
			return ""
		}
		return javaTrace("org.apache.kafka.connect.errors.ConnectException: Invalid "+task+" configuration",
			frames(packageTools+task+".start("+task+".java)", startFrames)...) +
			"Caused by: java.lang.NumberFormatException: Cannot parse null string\n"
	}
}

// buildTask is what fails before a task exists: a transformation that cannot be configured.
func buildTask(_ *Server, cfg *javaMap) string {
	for alias := range strings.SplitSeq(cfg.get("transforms"), ",") {
		alias = strings.TrimSpace(alias)
		class := cfg.get("transforms." + alias + ".type")
		if !strings.HasPrefix(class, packageTransforms+"TimestampConverter$") || cfg.get("transforms."+alias+".target.type") != "string" ||
			cfg.get("transforms."+alias+".format") != "" {
			continue
		}
		cause := "org.apache.kafka.common.config.ConfigException: TimestampConverter requires format option to be specified when using string timestamps"
		return javaTrace("org.apache.kafka.connect.errors.ConnectException: "+cause,
			frames("org.apache.kafka.connect.runtime.ConnectorConfig.transformationStages(ConnectorConfig.java:327)", buildFrames)...) +
			javaTrace("Caused by: "+cause, packageTransforms+"TimestampConverter.configure(TimestampConverter.java:308)", "... 9 more")
	}
	return ""
}

// dlqTrace is the failure of a sink task whose dead letter queue cannot be created on that many brokers.
func (s *Server) dlqTrace(cfg *javaMap) string {
	topic := strings.TrimSpace(cfg.get("errors.deadletterqueue.topic.name"))
	if topic == "" || s.topicExists(topic) {
		return ""
	}
	factor := 3
	if n, err := strconv.Atoi(strings.TrimSpace(cfg.get("errors.deadletterqueue.topic.replication.factor"))); err == nil {
		factor = n
	}
	if factor <= s.cfg.Brokers && factor != 0 {
		return ""
	}
	cause := "org.apache.kafka.common.errors.InvalidReplicationFactorException: Unable to replicate the partition " + strconv.Itoa(factor) +
		" time(s): The target replication factor of " + strconv.Itoa(factor) + " cannot be reached because only " + strconv.Itoa(s.cfg.Brokers) + " broker(s) are registered."
	return javaTrace("org.apache.kafka.connect.errors.ConnectException: Could not initialize dead letter queue with topic="+topic,
		frames("org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter.createAndSetup(DeadLetterQueueReporter.java:94)", startFrames)...) +
		javaTrace("Caused by: java.util.concurrent.ExecutionException: "+cause,
			"java.base/java.util.concurrent.CompletableFuture.get(Unknown Source)", "... 11 more") +
		"Caused by: " + cause + "\n"
}
