package stacktest

import (
	"slices"
	"strings"

	"github.com/gatesock/gatesock/observe"
)

// Metric is a metric of CloudWatch, without the values of its dimensions.
type Metric struct {
	Namespace, Name string
	Dimensions      []string // sorted
}

// String returns the metric in one line.
func (m Metric) String() string {
	return m.Namespace + " " + m.Name + " by " + strings.Join(m.Dimensions, ", ")
}

// Sources of the metrics of AWS.
const (
	ofWebSocketAPIs = `API Gateway Developer Guide, "Monitor WebSocket API execution with CloudWatch metrics"`
	ofLambda        = `AWS Lambda Developer Guide, "Types of metrics for Lambda functions"`
	ofConcurrency   = `AWS Lambda Developer Guide, "Monitoring concurrency"`
	ofDynamoDB      = `Amazon DynamoDB Developer Guide, "DynamoDB metrics and dimensions"`
	ofSQS           = `Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS"`
)

// Known returns the metrics that AWS and package observe write, with their sources, by
// [Metric.String]. The namespace is that of package observe; without one it writes none.
func Known(namespace string) map[string]string {
	known := map[string]string{}
	add := func(namespace, dimensions, source string, names ...string) {
		m := Metric{Namespace: namespace}
		if dimensions != "" {
			m.Dimensions = strings.Split(dimensions, " ")
			slices.Sort(m.Dimensions)
		}
		for _, name := range names {
			m.Name = name
			known[m.String()] = source
		}
	}
	add("AWS/ApiGateway", "ApiId Stage", ofWebSocketAPIs,
		"ConnectCount", "MessageCount", "IntegrationError", "ClientError", "ExecutionError", "IntegrationLatency")
	add("AWS/Lambda", "FunctionName", ofLambda, "Invocations", "Errors", "Throttles", "Duration", "ConcurrentExecutions",
		"IteratorAge")
	add("AWS/Lambda", "", ofConcurrency, "ClaimedAccountConcurrency")
	add("AWS/DynamoDB", "TableName", ofDynamoDB,
		"ReadThrottleEvents", "WriteThrottleEvents", "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
	add("AWS/SQS", "QueueName", ofSQS, "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible")
	if namespace != "" {
		for _, m := range observe.Metrics() {
			add(namespace, strings.Join(m.Dimensions, " "), "package observe", m.Name)
		}
	}
	return known
}
