package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gatesock/gatesock/authz/apikey"
	"github.com/gatesock/gatesock/examples/iot"
)

// The tenants. The first one has the simulated devices.
const (
	busyTenant  = "acme"
	quietTenant = "globex"
)

// keys are the keys that the program makes each time, by tenant: those of a person, and those of a
// gateway, which speaks for all devices.
type keys struct{ Persons, Gateways map[string]string }

// keyTime is for how long a key can be used: keys on a table outlive the program.
const keyTime = 7 * 24 * time.Hour

func (s *server) makeKeys(ctx context.Context) (k keys, err error) {
	create := func(tenant, owner string, scopes ...string) (secret string) {
		if err != nil {
			return ""
		}
		_, secret, err = s.app.Keys().Create(ctx, apikey.Key{
			Name: "local", Owner: owner, Scopes: scopes, ExpiresAt: time.Now().Add(keyTime),
			Attributes: map[string]string{iot.AttributeTenant: tenant},
		})
		return secret
	}
	k = keys{map[string]string{}, map[string]string{}}
	for _, tenant := range []string{busyTenant, quietTenant} {
		k.Persons[tenant] = create(tenant, "operator@"+tenant, iot.ScopeView, iot.ScopeOperate, iot.ScopeManage)
		k.Gateways[tenant] = create(tenant, tenant+"/gateway", iot.ScopeIngest, iot.ScopeManage, iot.ScopeView)
	}
	return k, err
}

// address returns where clients on this machine reach a listener.
func address(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func (s *server) socketURL() string { return "ws://" + address(s.pages.Addr()) + "/local" }

func (s *server) httpURL() string { return "http://" + address(s.pages.Addr()) }

func (s *server) brokerURL() string { return "tcp://" + address(s.broker.Addr()) }

// announce writes where everything is: as JSON into the file of -ready, and for people.
func (s *server) announce(out io.Writer, k keys) error {
	if s.ready != "" {
		if err := s.writeReady(k); err != nil {
			return fmt.Errorf("-ready: %w", err)
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "State is in %s.\n\nOpen a page, with its key:\n", s.at)
	for _, tenant := range []string{busyTenant, quietTenant} {
		fmt.Fprintf(&text, "  %-7s %s/#key=%s\n", tenant, s.httpURL(), k.Persons[tenant])
	}
	fmt.Fprintf(&text, "\nWorkbench (seed %d):\n  %s\n", s.bench.Seed(), s.bench.URL(s.httpURL()))
	key := k.Gateways[busyTenant]
	fmt.Fprintf(&text, "\nDevices of %s send with the key %s to\n  %s\n  %s/readings\n  %s\n",
		busyTenant, key, s.socketURL(), s.httpURL(), s.brokerURL())
	fmt.Fprintf(&text, "\nMore of them:\n  go run ./iot/simulate -url %s -http %s -broker %s -tenant %s -key %s -devices 1000\n\n",
		s.socketURL(), s.httpURL(), s.brokerURL(), busyTenant, key)
	_, err := io.WriteString(out, text.String())
	return err
}

// writeReady writes the file of -ready. Programs that wait for it do not see a part of it.
func (s *server) writeReady(k keys) error {
	data, err := json.Marshal(map[string]any{
		"url": s.socketURL(), "http": s.httpURL(), "broker": s.brokerURL(),
		"tenant": busyTenant, "key": k.Gateways[busyTenant], "persons": k.Persons, "gateways": k.Gateways,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.ready+".part", data, 0o600); err != nil {
		return err
	}
	return os.Rename(s.ready+".part", s.ready)
}
