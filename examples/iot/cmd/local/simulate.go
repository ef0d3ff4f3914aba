package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/gatesock/gatesock/examples/iot/simulate/fleet"
)

// quietDevices is how many devices the quiet tenant has at most.
const quietDevices = 5

// simulate runs devices of both tenants until ctx ends, and waits for what they still send.
func (s *server) simulate(ctx context.Context, k keys) {
	var fleets sync.WaitGroup
	for tenant, devices := range map[string]int{busyTenant: s.devices, quietTenant: min(s.devices, quietDevices)} {
		if devices == 0 {
			continue
		}
		fleets.Go(func() {
			_, err := fleet.Run(ctx, fleet.Config{
				URL: s.socketURL(), HTTP: s.httpURL(), Broker: s.brokerURL(),
				Key: k.Gateways[tenant], Tenant: tenant,
				Devices: devices, Rate: 1, Via: fleet.Shares{WS: 2, MQTT: 2, HTTP: 1},
				Faults: fleet.Faults{Drops: 0.002, Bursts: 0.001, Replays: 0.001, Malformed: 0.001},
				Seed:   1, Quiet: true,
			})
			if err != nil && ctx.Err() == nil {
				slog.Error("simulated devices", "tenant", tenant, "error", err)
			}
		})
	}
	fleets.Wait()
}
