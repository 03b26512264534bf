package connecttest

import "strings"

func builtinPlugins(version string, _ apiVersion) []*plugin {
	return []*plugin{
		{class: "org.apache.kafka.connect.file.FileStreamSinkConnector", kind: "sink", version: version},
		{class: "org.apache.kafka.connect.file.FileStreamSourceConnector", kind: "source", version: version},
		{class: "org.apache.kafka.connect.tools.MockSinkConnector", kind: "sink", version: version},
		{class: "org.apache.kafka.connect.tools.MockSourceConnector", kind: "source", version: version},
	}
}

func guessKind(class string, config *javaMap) string {
	if !config.has("topics") && !config.has("topics.regex") && strings.Contains(class[strings.LastIndexByte(class, '.')+1:], "Source") {
		return "source"
	}
	return "sink"
}
