package fleet

import (
	"context"

	"github.com/gatesock/gatesock/client"
	"github.com/gatesock/gatesock/examples/iot"
)

// watch is a dashboard with all devices of the tenant, which measures. It ends with ctx.
func watch(ctx context.Context, c *client.Client, tenant string, devices map[string]*device, t *tally) error {
	values := c.Values(iot.DevicesTopic(tenant))
	defer values.Close()
	last := make(map[string]int64)
	for v, err := range values.Changes(ctx) {
		if err != nil {
			return err
		}
		d := devices[v.Key]
		var state struct {
			Seq int64 `json:"seq"`
		}
		if d == nil || v.Gone || v.Decode(&state) != nil || state.Seq <= last[v.Key] {
			continue
		}
		last[v.Key] = state.Seq
		if took, known := d.took(state.Seq); known {
			t.delivered(took)
		}
	}
	return nil
}

// watchRefusals counts how many readings the server has refused since the start.
func watchRefusals(ctx context.Context, c *client.Client, tenant string, t *tally) error {
	values := c.Values(iot.RefusalsTopic(tenant))
	defer values.Close()
	if err := values.Ready(ctx); err != nil {
		return err
	}
	before := make(map[iot.Reason]int64)
	for _, v := range values.All() {
		var r iot.Refusals
		if v.Decode(&r) == nil {
			before[r.Reason] = r.Count
		}
	}
	for v, err := range values.Changes(ctx) {
		if err != nil {
			return err
		}
		var r iot.Refusals
		if v.Gone || v.Decode(&r) != nil || r.Count == before[r.Reason] {
			continue
		}
		t.count(func(f *Figures) { f.Counted[r.Reason] = r.Count - before[r.Reason] })
	}
	return nil
}

// register makes the devices known to the server.
func register(ctx context.Context, cfg *Config, devices []*device) error {
	c, err := client.Connect(ctx, cfg.URL, options(cfg, "")...)
	if err != nil {
		return err
	}
	defer c.Close()
	for len(devices) > 0 {
		n := min(len(devices), 100)
		var r iot.Registration
		for _, d := range devices[:n] {
			r.Devices = append(r.Devices, iot.NewDevice{ID: d.id, Name: d.name, Type: d.curve.kind, Region: d.region})
		}
		if err := c.Call(ctx, "register", r, nil, client.Idempotent()); err != nil {
			return err
		}
		devices = devices[n:]
	}
	return nil
}
