// Package iot shows the telemetry of devices on live dashboards: the handlers of a WebSocket API,
// of HTTP requests and of MQTT messages in one function, as they run in Lambda (cmd/lambda) and on
// your own machine (cmd/local).
//
// Devices report readings by WebSocket, HTTP or MQTT, each of which leads to the same code, in
// ingest.go:
//
//	→ {"action":"report","id":"1","readings":[
//	    {"seq":7,"at":"2026-01-02T15:04:05Z","values":{"temperature":21.5}}]}
//	← {"id":"1","action":"report","data":{"accepted":1}}
//
// Dashboards subscribe to topics of package topic. That of a tenant's devices has the last state of
// each, and takes filters:
//
//	→ {"action":"subscribe","id":"2","topic":"devices:acme",
//	    "filter":{"where":{"region":"north"},"everyMs":1000}}
//	← {"event":"set","topic":"devices:acme","key":"pump-1","version":…,"counter":8,"data":{…}}
//
// The history of a device is a topic of events, so that a dashboard gets what it has missed. See
// topics.go for the topics, message.go for the messages, and catalog.go for what devices measure.
package iot
