package watch

// Service is what is watched: the resources of a stack, by their IDs.
type Service struct {
	Functions []Function
	Tables    []string
	Queues    []WorkQueue
	// Namespace is that of the metrics of package observe. It is empty if the program does not
	// write them.
	Namespace string
}

// WorkQueue is a queue that a function reads.
type WorkQueue struct {
	ID string
	// Visibility is how long a message waits for its next attempt after a crash, in seconds.
	Visibility int
}

// Function is a Lambda function.
type Function struct {
	ID, Name string
	// Memory is in MB.
	Memory int
	// ARM reports whether the architecture is arm64, which costs less.
	ARM bool
	// ReservedConcurrency is the name of the parameter for it, and IsReserved that of the
	// condition.
	ReservedConcurrency, IsReserved string
	// Posts, Stores and Sweeps report whether the function may post to connections, use a table,
	// and remove connections by a schedule.
	Posts, Stores, Sweeps bool
	// Streams reports whether the function reads the stream of a table of the stack.
	Streams bool
}

// Names of parameters.
const (
	AlarmEmail           = "AlarmEmail"
	AlarmLatency         = "AlarmLatency"
	ConnectQuota         = "ConnectQuota"
	RequestQuota         = "RequestQuota"
	ConcurrencyQuota     = "ConcurrencyQuota"
	DailyBudget          = "DailyBudget"
	LiveConnectionsLimit = "LiveConnectionsLimit"
	LostConnections      = "LostConnections"
)

// Watch is what watches a service.
type Watch struct {
	Alarms []Alarm
	Rows   []Row
}

// New returns the alarms and the dashboard of a service. They do not depend on its routes.
func New(s *Service) *Watch {
	w := &Watch{}
	w.Alarms = append(w.Alarms, apiAlarms()...)
	for i := range s.Functions {
		w.Alarms = append(w.Alarms, functionAlarms(&s.Functions[i])...)
	}
	for _, id := range s.Tables {
		w.Alarms = append(w.Alarms, tableAlarms(id)...)
	}
	for _, q := range s.Queues {
		w.Alarms = append(w.Alarms, q.alarms()...)
	}
	if s.Namespace != "" {
		w.Alarms = append(w.Alarms, s.observedAlarms()...)
		for i := range s.Functions {
			w.Alarms = append(w.Alarms, s.observedFunctionAlarms(&s.Functions[i])...)
		}
	}
	w.Alarms = append(w.Alarms, s.costAlarm())
	w.Rows = s.rows(w.Alarms)
	return w
}

// Kinds returns the kinds of all alarms that there can be. docs/operations.md has a section for
// each.
func Kinds() []string {
	everything := &Service{
		Functions: []Function{{ID: "App", Name: "app", Memory: 1, Posts: true, Stores: true, Sweeps: true, Streams: true}},
		Tables:    []string{"Table"},
		Queues:    []WorkQueue{{ID: "Queue", Visibility: 360}},
		Namespace: "gatesock",
	}
	var kinds []string
	for _, a := range New(everything).Alarms {
		kinds = append(kinds, a.Kind)
	}
	return kinds
}

// AlarmMetrics returns how many metrics the alarms have, by which they are billed.
func (w *Watch) AlarmMetrics() int {
	n := 0
	for _, a := range w.Alarms {
		for _, q := range a.Queries {
			if q.Expression == "" {
				n++
			}
		}
	}
	return n
}
