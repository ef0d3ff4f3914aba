package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
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

// announce writes where everything is: for people, and as JSON into the file of -ready.
func (s *server) announce(out io.Writer, k keys) error {
	fmt.Fprintf(out, "State is in %s.\n\nOpen a page, with its key:\n", s.at)
	for _, tenant := range []string{busyTenant, quietTenant} {
		fmt.Fprintf(out, "  %-7s %s/#key=%s\n", tenant, s.httpURL(), k.Persons[tenant])
	}
	fmt.Fprintf(out, "\nDevices of %s send with the key %s to\n  %s\n  %s/readings\n  %s\n",
		busyTenant, k.Gateways[busyTenant], s.socketURL(), s.httpURL(), s.brokerURL())
	fmt.Fprintf(out, "\nMore of them:\n  go run ./iot/simulate -url %s -http %s -broker %s -tenant %s -key %s -devices 1000\n\n",
		s.socketURL(), s.httpURL(), s.brokerURL(), busyTenant, k.Gateways[busyTenant])
	if s.ready == "" {
		return nil
	}
	data, err := json.Marshal(map[string]any{
		"url": s.socketURL(), "http": s.httpURL(), "broker": s.brokerURL(),
		"tenant": busyTenant, "key": k.Gateways[busyTenant], "persons": k.Persons, "gateways": k.Gateways,
	})
	if err != nil {
		return err
	}
	// Whoever waits for the file must not read a part of it.
	if err := os.WriteFile(s.ready+".part", data, 0o600); err != nil {
		return err
	}
	return os.Rename(s.ready+".part", s.ready)
}
