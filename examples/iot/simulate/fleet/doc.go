// Package fleet simulates the devices of examples/iot: they report readings by WebSocket, MQTT and
// HTTP, carry out commands, and have the faults that real ones have.
//
//	figures, err := fleet.Run(ctx, fleet.Config{
//		URL: "ws://127.0.0.1:8080/local", HTTP: "http://127.0.0.1:8080", Broker: "tcp://127.0.0.1:1883",
//		Key: key, Tenant: "acme", Devices: 50, Rate: 1, Via: fleet.Shares{WS: 40, MQTT: 40, HTTP: 20},
//	})
//
// What the devices measure depends on nothing but the seed, and so do their faults. A device keeps
// what was not acknowledged and sends it again, as many readings as its buffer has room for. A
// subscriber of the tenant's devices stands for a dashboard: it measures how long a reading takes
// from a device to there.
package fleet
