package connecttest

import "strings"

// javaTrace prints an exception as Throwable.printStackTrace does. A frame that begins with "Caused by" is printed so.
func javaTrace(exception string, frames ...string) string {
	var b strings.Builder
	b.WriteString(exception + "\n")
	for _, f := range frames {
		if strings.HasPrefix(f, "Caused by: ") || strings.HasPrefix(f, "... ") {
			if f[0] == '.' {
				b.WriteByte('\t')
			}
			b.WriteString(f + "\n")
			continue
		}
		b.WriteString("\tat " + f + "\n")
	}
	return b.String()
}

// The frames below a task's and a connector's own, as in traces of Kafka 4.
var (
	executorFrames = []string{
		"org.apache.kafka.connect.runtime.isolation.Plugins.lambda$withClassLoader$1(Plugins.java:238)",
		"java.base/java.util.concurrent.Executors$RunnableAdapter.call(Unknown Source)",
		"java.base/java.util.concurrent.FutureTask.run(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(Unknown Source)",
		"java.base/java.lang.Thread.run(Unknown Source)",
	}
	sinkTaskFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:636)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.poll(WorkerSinkTask.java:345)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.iteration(WorkerSinkTask.java:247)",
		"org.apache.kafka.connect.runtime.WorkerSinkTask.execute(WorkerSinkTask.java:216)",
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:226)",
		"org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:281)",
	}, executorFrames...)
	sourceTaskFrames = append([]string{
		"org.apache.kafka.connect.runtime.AbstractWorkerSourceTask.poll(AbstractWorkerSourceTask.java:466)",
		"org.apache.kafka.connect.runtime.AbstractWorkerSourceTask.execute(AbstractWorkerSourceTask.java:354)",
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:226)",
		"org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:281)",
		"org.apache.kafka.connect.runtime.AbstractWorkerSourceTask.run(AbstractWorkerSourceTask.java:79)",
	}, executorFrames...)
	startFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerTask.doStart(WorkerTask.java:176)",
		"org.apache.kafka.connect.runtime.WorkerTask.doRun(WorkerTask.java:225)",
		"org.apache.kafka.connect.runtime.WorkerTask.run(WorkerTask.java:281)",
	}, executorFrames...)
	connectorStartFrames = append([]string{
		"org.apache.kafka.connect.runtime.WorkerConnector.doStart(WorkerConnector.java:216)",
		"org.apache.kafka.connect.runtime.WorkerConnector.start(WorkerConnector.java:245)",
		"org.apache.kafka.connect.runtime.WorkerConnector.doTransitionTo(WorkerConnector.java:404)",
		"org.apache.kafka.connect.runtime.WorkerConnector.doRun(WorkerConnector.java:165)",
		"org.apache.kafka.connect.runtime.WorkerConnector.run(WorkerConnector.java:125)",
	}, executorFrames...)
	buildFrames = []string{
		"org.apache.kafka.connect.runtime.Worker.startTask(Worker.java:702)",
		"org.apache.kafka.connect.runtime.distributed.DistributedHerder.startTask(DistributedHerder.java:2009)",
		"java.base/java.util.concurrent.FutureTask.run(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor.runWorker(Unknown Source)",
		"java.base/java.util.concurrent.ThreadPoolExecutor$Worker.run(Unknown Source)",
		"java.base/java.lang.Thread.run(Unknown Source)",
	}
)

func frames(own string, rest []string) []string { return append([]string{own}, rest...) }

// SinkTrace is the trace of a sink task that failed in put with a cause: what Connect writes around the connector's own
// exception. cause is the exception as Java prints it, `java.net.ConnectException: Connection refused`, with its frames
// and causes below it if the test cares.
func SinkTrace(cause string) string {
	return javaTrace("org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.", sinkTaskFrames...) +
		"Caused by: " + strings.TrimSuffix(cause, "\n") + "\n\t... 11 more\n"
}

// SourceTrace is the trace of a source task whose poll failed: the connector's own exception, unwrapped.
func SourceTrace(cause string) string {
	return javaTrace(strings.TrimSuffix(cause, "\n"), sourceTaskFrames...)
}

// ToleranceTrace is the trace of a task that errors.tolerance=none killed because a converter or SMT failed.
func ToleranceTrace(cause string) string {
	return javaTrace("org.apache.kafka.connect.errors.ConnectException: Tolerance exceeded in error handler",
		append([]string{"org.apache.kafka.connect.runtime.errors.RetryWithToleranceOperator.execAndHandleError(RetryWithToleranceOperator.java:260)"}, sinkTaskFrames...)...) +
		"Caused by: " + strings.TrimSuffix(cause, "\n") + "\n\t... 12 more\n"
}
