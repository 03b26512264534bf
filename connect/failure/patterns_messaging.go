package failure

var fixQueueManager = []string{"Check that the queue manager or broker is up, that its listener runs and that host, port and channel are right.", "Restart the task once it answers."}

// IBM MQ, JMS, RabbitMQ, MQTT, Pulsar, Solace, Kafka to Kafka.
var messagingRules = []rule{
	{
		Pattern: Pattern{
			ID: "mq-not-authorized", Messages: []string{"mqrc_not_authorized", "jmscmq0001* 2035", "mqcsp", "jmswmq2013"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "IBM MQ refused the user or its right.", Remedies: []string{"Check mq.user.name and mq.password, the channel authentication records (CHLAUTH) and the authority records (setmqaut) of the queue manager and queue."}, Source: "IBM MQ 2035",
		}, weight: weightExact, codes: []string{"mq 2035", "mq 2063"},
	},
	{
		Pattern: Pattern{
			ID: "mq-connection", Messages: []string{"mqrc_connection_broken", "mqrc_q_mgr_not_available", "mqrc_host_not_available", "mqrc_q_mgr_quiescing", "mqrc_connection_quiescing", "mqrc_q_mgr_stopping", "mqrc_call_interrupted", "mqrc_reconnect"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The queue manager cannot be reached or ended the connection.", Remedies: fixQueueManager, Source: "IBM MQ 2009, 2059, 2161, 2162, 2202, 2203, 2538",
		}, weight: weightExact, codes: []string{"mq 2009", "mq 2018", "mq 2059", "mq 2161", "mq 2162", "mq 2202", "mq 2203", "mq 2223", "mq 2538", "mq 2548", "mq 2549", "mq 2552"},
	},
	{
		Pattern: Pattern{
			ID: "mq-name", Messages: []string{"mqrc_unknown_object_name", "mqrc_q_mgr_name_error", "mqrc_unknown_channel", "mqrc_object_in_use", "mqrc_channel_config_error", "mqrc_unknown_q_name", "jmswmq2008"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "IBM MQ does not know the queue, channel or queue manager[ {object}].", Remedies: []string{"Check mq.queue.manager, mq.channel.name and mq.queue (or jms.destination.name); define what is missing."}, Source: "IBM MQ 2058, 2085, 2042, 2539, 2540",
		}, weight: weightExact, codes: []string{"mq 2058", "mq 2085", "mq 2042", "mq 2087", "mq 2082", "mq 2539", "mq 2540", "mq 2045", "mq 2046"},
	},
	{
		Pattern: Pattern{
			ID: "mq-full", Messages: []string{"mqrc_q_full", "mqrc_msg_too_big", "mqrc_storage_medium_full", "mqrc_max_conns_limit", "mqrc_storage_not_available"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "A queue is full, or a message or the number of connections is over the limit.", Remedies: []string{"Let the queue be read, or raise MAXDEPTH or MAXMSGL; restart afterwards."}, Source: "IBM MQ 2030, 2031, 2053, 2056, 2025",
		}, weight: weightExact, codes: []string{"mq 2025", "mq 2030", "mq 2031", "mq 2053", "mq 2056", "mq 2071", "mq 2192"},
	},
	{
		Pattern: Pattern{
			ID: "mq-put-inhibited", Messages: []string{"mqrc_put_inhibited", "mqrc_get_inhibited"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The queue does not allow puts or gets.", Remedies: []string{"Enable it: ALTER QLOCAL(...) PUT(ENABLED) GET(ENABLED)."}, Source: "IBM MQ 2051, 2016",
		}, weight: weightExact, codes: []string{"mq 2016", "mq 2051"},
	},
	{
		Pattern: Pattern{
			ID: "camel-endpoint", Exceptions: []string{"org.apache.camel.ResolveEndpointFailedException", "org.apache.camel.FailedToCreateRouteException", "org.apache.camel.NoSuchEndpointException", "org.apache.camel.PropertyBindingException", "org.apache.camel.NoSuchBeanException", "org.apache.camel.NoFactoryAvailableException"}, Messages: []string{"failed to resolve endpoint", "couldn't be set on the endpoint", "no component found with scheme"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "Camel cannot build the endpoint from the connector's settings.", Remedies: fixSetting, Source: "Apache Camel: ResolveEndpointFailedException",
		}, weight: weightText, either: true,
	},
	{
		Pattern: Pattern{
			ID: "jms-security", Exceptions: []string{"javax.jms.JMSSecurityException", "jakarta.jms.JMSSecurityException", "com.ibm.msg.client.jms.DetailedJMSSecurityException"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The broker refused the user.", Remedies: []string{"Check user and password of the connector, and its rights on the destination."}, Source: "JMS: JMSSecurityException",
		}, weight: weightPlatform,
	},
	{
		Pattern: Pattern{
			ID: "rabbitmq-authentication", Exceptions: []string{"com.rabbitmq.client.AuthenticationFailureException", "com.rabbitmq.client.PossibleAuthenticationFailureException"}, Messages: []string{"access_refused - login was refused", "connection refused: bad user name or password", "not authorized to connect", "bad user name or password"}, Class: ClassAuthentication, Advice: AdviceAfterChange,
			Summary: "The message broker refused the log-in.", Remedies: []string{"Check user, password and virtual host of the connector."}, Source: "RabbitMQ 403; MQTT CONNACK 4, 5",
		}, weight: weightExact, either: true,
	},
	{
		Pattern: Pattern{
			ID: "rabbitmq-authorization", Messages: []string{"access_refused - access to", "access_refused - operation not permitted", "access_refused - topic access"}, Class: ClassAuthorization, Advice: AdviceAfterChange,
			Summary: "The user may not use the queue, exchange or virtual host of RabbitMQ[: {object}].", Remedies: []string{"Grant configure, write and read on it to the connector's user (rabbitmqctl set_permissions)."}, Source: "AMQP 0-9-1 reply code 403 after the log-in",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "splunk-queue-full", Exceptions: []string{"com.splunk.hecclient.HecException"}, Messages: []string{"server is busy", "queue is at capacity", "queue is full", "server is shutting down", "back pressure"}, Class: ClassResource, Advice: AdviceAfterRecovery,
			Summary: "Splunk's HTTP event collector takes no more events.", Remedies: []string{"Check the queues of the indexers; restart the task once they drain.", "Lower tasks.max or the batch size of the connector, or add indexers."}, Source: "Splunk HEC codes 9, 24, 26",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "rabbitmq-channel", Messages: []string{"reply-code=404", "no queue '", "no exchange '", "precondition_failed", "reply-code=406", "reply-code=530", "reply-code=405"}, Class: ClassConfiguration, Advice: AdviceAfterChange,
			Summary: "RabbitMQ does not know the queue, exchange or virtual host, or has it with other settings.", Remedies: []string{"Declare the queue or exchange as the connector expects it (durable, arguments), or correct its name."}, Source: "AMQP 0-9-1 reply codes 404, 405, 406, 530",
		}, weight: weightExact,
	},
	{
		Pattern: Pattern{
			ID: "broker-connection", Exceptions: []string{"com.rabbitmq.client.AlreadyClosedException", "com.rabbitmq.client.ShutdownSignalException", "org.eclipse.paho.client.mqttv3.MqttException", "org.eclipse.paho.mqttv5.common.MqttException", "com.solacesystems.jcsmp.JCSMPTransportException", "javax.jms.JMSException", "jakarta.jms.JMSException", "com.ibm.mq.jmqi.JmqiException", "com.ibm.msg.client.jms.DetailedJMSException", "com.tibco.tibjms.", "org.apache.activemq.", "org.apache.pulsar.client.api.PulsarClientException"}, Class: ClassConnection, Advice: AdviceAfterRecovery,
			Summary: "The message broker[ {host}] cannot be reached or ended the connection.", Remedies: fixQueueManager, Source: "AMQP, MQTT, JMS clients",
		}, weight: weightName,
	},
}
