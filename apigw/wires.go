package apigw

// wires has the ways to the gateway that one Client may take.
type wires struct {
	settings *settings
	http     *httpWire // to all endpoints
}

func newWires(set *settings) wires {
	transport := set.transport
	if transport == nil {
		transport = newTransport(set, newTLSConfig(set.tls))
	}
	return wires{settings: set, http: newHTTPWire(transport)}
}

// to chooses the way to an endpoint.
func (w wires) to(*endpoint) wire {
	return w.http
}
