package doctor

import (
	"cmp"
	"slices"
)

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	// Error means that something does not work.
	Error Level = "error"
	// Warning means that something works until it is used more, or fails, or is attacked.
	Warning Level = "warning"
	// Note is what its owner should know.
	Note Level = "note"
)

// Part is a part of a deployment.
type Part string

// The parts of a deployment, in the order of the report.
const (
	PartAPI         Part = "API"
	PartRoutes      Part = "Routes"
	PartAuthorizer  Part = "Authorizer"
	PartStage       Part = "Stage"
	PartPermissions Part = "Permissions"
	PartFunctions   Part = "Functions"
	PartSources     Part = "Event sources"
	PartTables      Part = "Tables"
	PartQueues      Part = "Queues"
	PartQuotas      Part = "Quotas"
	PartClock       Part = "Clock"
)

func parts() []Part {
	return []Part{
		PartAPI, PartRoutes, PartAuthorizer, PartStage, PartPermissions, PartFunctions, PartSources, PartTables, PartQueues,
		PartQuotas, PartClock,
	}
}

// Finding is one thing that is wrong.
type Finding struct {
	Level Level `json:"level"`
	Part  Part  `json:"part"`
	// Check is the name of the check, which stays the same.
	Check string `json:"check"`
	// Subjects are what the finding is about, such as route keys. All have the same problem.
	Subjects []string `json:"subjects,omitempty"`
	// Problem is what is wrong, Effect what happens because of it, and Fix what to do.
	Problem string `json:"problem"`
	Effect  string `json:"effect,omitempty"`
	Fix     string `json:"fix"`
}

// Report is the result of an examination.
type Report struct {
	API    string `json:"api"`
	Stage  string `json:"stage"`
	Region string `json:"region,omitempty"`
	// Functions, Tables and Queues are the resources of the application that were examined.
	Functions []string `json:"functions"`
	Tables    []string `json:"tables"`
	Queues    []string `json:"queues"`
	// Findings are sorted by part, level and check.
	Findings []Finding `json:"findings"`
	// Facts are measurements that are not wrong by themselves, such as quotas.
	Facts []string `json:"facts"`
	// NotChecked is what the examination leaves out.
	NotChecked []string `json:"notChecked"`
}

// Count returns the number of findings of a level.
func (r *Report) Count(l Level) int {
	n := 0
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

// add adds a finding, or its subjects to those of a finding that is the same otherwise.
func (r *Report) add(f Finding) {
	for i := range r.Findings {
		same := &r.Findings[i]
		if same.Level != f.Level || same.Check != f.Check || same.Problem != f.Problem || same.Effect != f.Effect ||
			same.Fix != f.Fix || len(f.Subjects) == 0 || len(same.Subjects) == 0 {
			continue
		}
		for _, s := range f.Subjects {
			if !slices.Contains(same.Subjects, s) {
				same.Subjects = append(same.Subjects, s)
			}
		}
		return
	}
	r.Findings = append(r.Findings, f)
}

// leaveOut adds something that is not checked, once.
func (r *Report) leaveOut(what string) {
	if !slices.Contains(r.NotChecked, what) {
		r.NotChecked = append(r.NotChecked, what)
	}
}

// sort puts the findings in the order of the report.
func (r *Report) sort() {
	for _, f := range r.Findings {
		slices.Sort(f.Subjects)
	}
	levels := []Level{Error, Warning, Note}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(parts(), a.Part), slices.Index(parts(), b.Part)),
			cmp.Compare(slices.Index(levels, a.Level), slices.Index(levels, b.Level)),
			cmp.Compare(a.Check, b.Check),
			slices.Compare(a.Subjects, b.Subjects),
			cmp.Compare(a.Problem, b.Problem),
		)
	})
}
