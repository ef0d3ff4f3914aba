package fleet

import (
	"math"

	"github.com/gatesock/gatesock/examples/iot"
)

// The incidents: in each window a few devices leave what is normal for them, and come back.
const (
	incidentSeconds = 120
	incidentShare   = 0.03
)

// curve is what a device measures.
type curve struct {
	chance

	kind string
	of   iot.Type
}

// values returns what the device measures some seconds after the start. A device that is stopped
// rests.
func (c curve) values(seconds float64, stopped bool) map[string]float64 {
	raw := c.raw(seconds)
	values := make(map[string]float64, len(c.of.Metrics))
	for name, metric := range c.of.Metrics {
		v, known := raw[name]
		if !known { // a type that was added to the catalog
			middle, reach := (metric.Min+metric.Max)/2, (metric.Max-metric.Min)/2
			v = middle + reach*(0.3*c.wave(seconds, 300)+0.1*c.smooth(forNoise, seconds, 7))
		}
		if stopped {
			v = metric.Min
		}
		values[name] = math.Round(100*min(max(v, metric.Min), metric.Max)) / 100
	}
	return values
}

// raw returns the values of the types that the package knows, which may be out of range.
func (c curve) raw(t float64) map[string]float64 {
	base := 2*c.at(forBase, 0) - 1
	noise := c.smooth(forNoise, t, 5)
	incident := c.incident(t)
	switch c.kind {
	case "thermometer":
		temperature := 20 + 4*base + 3*c.wave(t, 600) + c.wave(t, 47) + 0.3*noise
		humidity := 45 - 1.5*(temperature-20) + 8*c.smooth(forBase, t, 180) + noise
		return map[string]float64{"temperature": temperature + 28*incident, "humidity": humidity}
	case "pump":
		load := 0.5 + 0.2*base + 0.2*c.wave(t, 240) + 0.03*noise
		return map[string]float64{
			"pressure": 3 + 5*load + 6*incident + 0.1*noise,
			"flow":     60 + 260*load - 80*incident,
			"speed":    900 + 1800*load + 20*noise,
		}
	case "meter":
		power := 180 + 80*base + 60*c.wave(t, 900) + 15*c.wave(t, 61) + 6*noise + 190*incident
		return map[string]float64{"power": power, "voltage": 232 + 2*base - power/80 + noise - 16*incident}
	case "vehicle":
		const round = 1800 // seconds: down to a tenth in three quarters, and back
		_, at := math.Modf(t/round + c.at(forPhase, 0))
		battery, speed := 100-120*at, 55+35*c.smooth(forBase, t, 40)+5*noise
		if at > 0.75 {
			battery, speed = 10+360*(at-0.75), 0
		}
		return map[string]float64{"battery": battery, "speed": max(speed, 0)}
	}
	return nil
}

// incident returns 0 most of the time. In an incident it rises to 1, or to 1.6 if it is a bad one,
// and falls again.
func (c curve) incident(t float64) float64 {
	window, part := math.Modf(t / incidentSeconds)
	if c.at(forIncident, int64(window)) >= incidentShare {
		return 0
	}
	height := 1.0
	if c.at(forSeverity, int64(window)) < 0.3 {
		height = 1.6
	}
	rise := math.Sin(math.Pi * part)
	return height * rise * rise
}
