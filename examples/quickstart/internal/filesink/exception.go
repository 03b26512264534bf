package filesink

import (
	"slices"
	"strconv"
	"strings"
)

// Exception is a Java exception: what a worker puts into /status and into dead letter headers.
type Exception struct { //nolint:errname // what Java calls one
	Class   string
	Message *string // nil is Java's null message
	// Frames is the whole stack, innermost first, each without "at".
	Frames []string
	Cause  *Exception
	// Retriable says that Class extends org.apache.kafka.connect.errors.RetriableException, the only kind that errors.retry.timeout covers.
	Retriable bool
}

// Error returns the stack trace, which is what a worker shows for a FAILED task.
func (e *Exception) Error() string { return e.Trace() }

// Trace prints the exception as Throwable.printStackTrace does, frames shared with the enclosing exception cut to "... n more".
func (e *Exception) Trace() string {
	var b strings.Builder
	var enclosing []string
	for x := e; x != nil; x = x.Cause {
		if x != e {
			b.WriteString("Caused by: ")
		}
		b.WriteString(x.String())
		b.WriteByte('\n')
		common := 0
		for common < len(x.Frames) && common < len(enclosing) && x.Frames[len(x.Frames)-1-common] == enclosing[len(enclosing)-1-common] {
			common++
		}
		for _, f := range x.Frames[:len(x.Frames)-common] {
			b.WriteString("\tat " + f + "\n")
		}
		if common > 0 {
			b.WriteString("\t... " + strconv.Itoa(common) + " more\n")
		}
		enclosing = x.Frames
	}
	return b.String()
}

// String is Throwable.toString.
func (e *Exception) String() string {
	if e.Message == nil {
		return e.Class
	}
	return e.Class + ": " + *e.Message
}

// Classes that a worker of this sink can name.
const (
	classConnect          = "org.apache.kafka.connect.errors.ConnectException"
	classData             = "org.apache.kafka.connect.errors.DataException"
	classSerialization    = "org.apache.kafka.common.errors.SerializationException"
	classConfig           = "org.apache.kafka.common.config.ConfigException"
	classNoSuchFile       = "java.nio.file.NoSuchFileException"
	classAccessDenied     = "java.nio.file.AccessDeniedException"
	classFileSystem       = "java.nio.file.FileSystemException"
	classIllegalArgument  = "java.lang.IllegalArgumentException"
	classJSONParse        = "com.fasterxml.jackson.core.JsonParseException"
	classJSONEOF          = "com.fasterxml.jackson.core.io.JsonEOFException"
	classExecution        = "java.util.concurrent.ExecutionException"
	jsonConverterClass    = "org.apache.kafka.connect.json.JsonConverter"
	stringConverterClass  = "org.apache.kafka.connect.storage.StringConverter"
	bytesConverterClass   = "org.apache.kafka.connect.converters.ByteArrayConverter"
	simpleHeaderConverter = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
)

// The stacks below are those of Kafka 4.3.1 on a JRE without line numbers, innermost first.
var (
	threadFrames = []string{
		"org.apache.kafka.connect.runtime.isolation.Plugins.lambda$withClassLoader$0(Plugins.java:252)",
		"java.base/java.util.concurrent.Executors$RunnableAdapter.call(Unknown Source)",
		"java.base/java.util.concurrent.FutureTask.run(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(Unknown Source)",
		"java.base/java.lang.Thread.run(Unknown Source)",
	}
	taskFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:243)",
		"org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:298)",
	}, threadFrames...)
	startFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerSinkTask.initializeAndStart(WorkerSinkTask.java:338)",
		"org.apache.kafka.connect.runtime.WorkerTask.doStart(WorkerTask.java:191)",
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:242)",
	}, taskFrames[1:]...)
	reporterFrames = append([]string{
		"org.apache.kafka.connect.runtime.Worker.sinkTaskReporters(Worker.java:1038)",
		"org.apache.kafka.connect.runtime.Worker$SinkTaskBuilder.lambda$doBuild$0(Worker.java:1922)",
		"org.apache.kafka.connect.runtime.WorkerTask.doStart(WorkerTask.java:190)",
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:242)",
	}, taskFrames[1:]...)
	pollFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerSinkTask.convertMessages(WorkerSinkTask.java:532)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:358)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.iteration(WorkerSinkTask.java:261)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.execute(WorkerSinkTask.java:225)",
	}, taskFrames...)
)

// operatorFrames is the stack below a converter that RetryWithToleranceOperator calls, for the key or for the value.
func operatorFrames(s Stage) []string {
	lambda, call := "lambda$convertAndTransformRecord$1(WorkerSinkTask.java:560)", "convertAndTransformRecord(WorkerSinkTask.java:558)"
	if s == StageKeyConverter {
		lambda, call = "lambda$convertAndTransformRecord$0(WorkerSinkTask.java:554)", "convertAndTransformRecord(WorkerSinkTask.java:552)"
	}
	return slices.Concat([]string{
		"org.apache.kafka.connect.storage.Converter.toConnectData(Converter.java:98)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask." + lambda,
		"org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndRetry(RetryWithToleranceOperator.java:207)",
		"org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError(RetryWithToleranceOperator.java:243)",
		"org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execute(RetryWithToleranceOperator.java:179)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask." + call,
	}, pollFrames)
}

// below puts the frames of a converter on the stack that called it.
func (e *Exception) below(s Stage) *Exception {
	if e == nil {
		return nil
	}
	c := *e
	c.Frames = slices.Concat(e.Frames, operatorFrames(s))
	if e.Cause != nil {
		c.Cause = e.Cause.below(s)
	}
	return &c
}
