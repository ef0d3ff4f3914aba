package broadcast

// MergeReports puts the reports of a send that was handed on together: that of the send, whose id is given, and those of its
// jobs, in any order. Each job is counted once, however often it was run: the reports that were not needed are left out. The
// sum accounts for every member of the audience as a single Report does.
//
// missing has the ids of jobs that have no report (yet), and id itself if that is what is missing. Where a job was run more
// than once, the run that left the least undone is the one that counts.
//
// The total has the cursors of parts that were left unsent no more; they are in the reports.
func MergeReports(id string, reports ...Report) (total Report, missing []string) {
	runs := make(map[string][]Report, len(reports))
	for _, r := range reports {
		runs[r.ID] = append(runs[r.ID], r)
	}
	m := merger{runs: runs, done: make(map[string]merged)}
	sum := m.merge(id)
	sum.total.ID = id
	return sum.total, sum.missing
}

type merger struct {
	runs map[string][]Report
	done map[string]merged
}

type merged struct {
	total   Report
	missing []string
}

// undone counts what the jobs have left: those without a report, and members who are in no job.
func (m merged) undone() int {
	n := len(m.missing) + m.total.Unsent
	if m.total.Incomplete {
		n++
	}
	return n
}

// merge gives the sum of a job and of all that it was handed on in. Reports that name each other in a circle were not
// made by a Broadcaster; a job is not counted in itself.
func (m merger) merge(id string) merged {
	if sum, ok := m.done[id]; ok {
		return sum
	}
	best := merged{missing: []string{id}}
	m.done[id] = best
	for i, run := range m.runs[id] {
		var sum merged
		sum.total.add(run)
		for _, child := range run.HandedOff {
			part := m.merge(child)
			sum.total.add(part.total)
			sum.missing = append(sum.missing, part.missing...)
		}
		if i == 0 || sum.undone() < best.undone() {
			best = sum
		}
	}
	m.done[id] = best
	return best
}
