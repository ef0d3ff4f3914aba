package observe

// Unit is the unit of a metric. CloudWatch knows these and no other (Amazon CloudWatch API
// Reference, "MetricDatum").
type Unit string

// The units of CloudWatch.
const (
	Count        Unit = "Count"
	Percent      Unit = "Percent"
	NoUnit       Unit = "None"
	Seconds      Unit = "Seconds"
	Milliseconds Unit = "Milliseconds"
	Microseconds Unit = "Microseconds"

	Bytes     Unit = "Bytes"
	Kilobytes Unit = "Kilobytes"
	Megabytes Unit = "Megabytes"
	Gigabytes Unit = "Gigabytes"
	Terabytes Unit = "Terabytes"
	Bits      Unit = "Bits"
	Kilobits  Unit = "Kilobits"
	Megabits  Unit = "Megabits"
	Gigabits  Unit = "Gigabits"
	Terabits  Unit = "Terabits"

	CountPerSecond     Unit = "Count/Second"
	BytesPerSecond     Unit = "Bytes/Second"
	KilobytesPerSecond Unit = "Kilobytes/Second"
	MegabytesPerSecond Unit = "Megabytes/Second"
	GigabytesPerSecond Unit = "Gigabytes/Second"
	TerabytesPerSecond Unit = "Terabytes/Second"
	BitsPerSecond      Unit = "Bits/Second"
	KilobitsPerSecond  Unit = "Kilobits/Second"
	MegabitsPerSecond  Unit = "Megabits/Second"
	GigabitsPerSecond  Unit = "Gigabits/Second"
	TerabitsPerSecond  Unit = "Terabits/Second"
)

// isUnit reports whether CloudWatch knows a unit.
func isUnit(u Unit) bool {
	switch u {
	case Count, Percent, NoUnit, Seconds, Milliseconds, Microseconds,
		Bytes, Kilobytes, Megabytes, Gigabytes, Terabytes, Bits, Kilobits, Megabits, Gigabits, Terabits,
		CountPerSecond, BytesPerSecond, KilobytesPerSecond, MegabytesPerSecond, GigabytesPerSecond, TerabytesPerSecond,
		BitsPerSecond, KilobitsPerSecond, MegabitsPerSecond, GigabitsPerSecond, TerabitsPerSecond:
		return true
	}
	return false
}
