package iot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/authz"
)

// The scopes of keys.
const (
	ScopeDevice  = "device"  // readings and results of the key's own device
	ScopeIngest  = "ingest"  // readings and results of every device of the tenant, for gateways
	ScopeView    = "view"    // dashboards
	ScopeOperate = "operate" // send commands, acknowledge alerts
	ScopeManage  = "manage"  // register devices
)

// The attributes of keys. Every key has a tenant; one with [ScopeDevice] has a device.
const (
	AttributeTenant = "tenant"
	AttributeDevice = "device"
)

// DeviceHeader names the device that a connection is of, if its key is that of a gateway.
const DeviceHeader = "X-Device"

const keyHeader = "X-Api-Key"

// validName reports whether a tenant, a device or a region can have a name.
func validName(s string) bool {
	return s != "" && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// The ways by which devices speak.
const (
	viaWebSocket = "ws"
	viaHTTP      = "http"
	viaMQTT      = "mqtt"
)

// caller is who sends something: a device, a gateway that speaks for devices, or a person.
type caller struct {
	authz.Principal

	tenant string
	device string // "" if it is not one
	via    string
}

// callerOf returns who is behind an event of the WebSocket API.
func callerOf(req *gatesock.Request) caller {
	p, _ := authz.PrincipalFrom(req)
	return newCaller(p, viaWebSocket)
}

func newCaller(p authz.Principal, via string) caller {
	return caller{Principal: p, tenant: p.Attributes[AttributeTenant], device: p.Attributes[AttributeDevice], via: via}
}

// authenticator lets in who has a key, or a ticket that was made for one.
func (a *App) authenticator() authz.Authenticator {
	who := authz.Any(authz.Bearer(a.keys, authz.Header(keyHeader)), a.tickets.Authenticator())
	return authz.AuthenticatorFunc(func(ctx context.Context, h *authz.Handshake) (authz.Principal, error) {
		p, err := who.Authenticate(ctx, h)
		if err != nil {
			return p, err
		}
		return admit(p, h.Header.Get(DeviceHeader))
	})
}

// admit checks what a key needs, and makes that of a gateway the key of the device that it names.
func admit(p authz.Principal, device string) (authz.Principal, error) {
	if device != "" {
		own := p.Attributes[AttributeDevice]
		if own != device && (own != "" || !p.HasScope(ScopeIngest)) {
			return authz.Principal{}, fmt.Errorf("%w: the key is not that of the device %.40q", authz.ErrForbidden, device)
		}
		p.Attributes = maps.Clone(p.Attributes)
		p.Attributes[AttributeDevice] = device
	}
	tenant, device := p.Attributes[AttributeTenant], p.Attributes[AttributeDevice]
	switch {
	case !validName(tenant):
		return authz.Principal{}, fmt.Errorf("%w: the key has no valid tenant", authz.ErrForbidden)
	case device != "" && !validName(device), device == "" && p.HasScope(ScopeDevice):
		return authz.Principal{}, fmt.Errorf("%w: the key has no valid device", authz.ErrForbidden)
	}
	return p, nil
}

// speaksForDevices fails for keys that may send no readings.
func speaksForDevices(_ context.Context, req *gatesock.Request, _ authz.Principal) error {
	return callerOf(req).maySpeak()
}

func (c caller) maySpeak() error {
	if !c.HasScope(ScopeDevice) && !c.HasScope(ScopeIngest) {
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the key needs the scope %q or %q", ScopeDevice, ScopeIngest)
	}
	return nil
}

// speaksFor reports whether what a caller sends may be of a device of its tenant.
func (c caller) speaksFor(device string) bool {
	return c.HasScope(ScopeIngest) || c.HasScope(ScopeDevice) && c.device == device
}

// mayRead fails if the sender of a request may not subscribe to a topic. It says the same of a
// topic of another tenant and of one that does not exist.
func mayRead(_ context.Context, req *gatesock.Request, name string) error {
	c := callerOf(req)
	switch {
	case !validName(c.tenant):
	case c.device != "" && name == InboxTopic(c.tenant, c.device) && c.speaksFor(c.device):
		return nil
	case !forDashboards(name, c.tenant):
	case !c.HasScope(ScopeView):
		return gatesock.Errorf(gatesock.CodePermissionDenied, "the scope %s is missing", ScopeView)
	default:
		return nil
	}
	return gatesock.Errorf(gatesock.CodePermissionDenied, "there is no such topic, or it is not yours")
}

// forDashboards reports whether a topic is one of those that show a tenant.
func forDashboards(name, tenant string) bool {
	if device, ok := strings.CutPrefix(name, HistoryTopic(tenant, "")); ok {
		return validName(device)
	}
	return slices.Contains([]string{
		DevicesTopic(tenant), AlertsTopic(tenant), AlertLogTopic(tenant), CommandsTopic(tenant), RefusalsTopic(tenant),
	}, name)
}
