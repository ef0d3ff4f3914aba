// Package cloud has the services of AWS around the functions of a project, on this machine: SQS,
// SNS, EventBridge with its schedules, Lambda's Invoke, event source mappings of queues and of the
// streams of tables, and DynamoDB through DynamoDB Local. The functions' programs reach them with
// their SDKs as on AWS, and what is delivered, retried and given up goes the way it goes there.
//
// What it does not serve it refuses, with an error of the service's own form that says so, and one
// [Event]: no request succeeds in silence.
//
// It keeps queues in memory: what is in them ends with the [Cloud]. It knows one account and one
// region, the project's; a request for another region is served like one for this region.
package cloud
