package describe

import "slices"

// object compares properties.
func (s *schemaDiff) object(path string, a, b *Schema) {
	for _, name := range propertyNames(a, b) {
		s.property(path+"."+name, name, a, b)
	}
	switch {
	case a.Closed && b.Closed:
	case b.Closed:
		s.note(path, narrows, "refuses unknown properties")
	case a.Closed:
		s.note(path, sum(false, b.Additional != nil), "does not refuse unknown properties any more")
	case a.Additional != nil && b.Additional != nil:
		s.compare(path+"{}", a.Additional, b.Additional)
	case a.Additional != nil:
		s.note(path, widens, "has only the properties of its description")
	case b.Additional != nil:
		s.note(path, neither, "may have any properties")
	}
}

// property compares what two objects say about the property of a name that one of them has.
func (s *schemaDiff) property(path, name string, a, b *Schema) {
	from, before := a.property(name)
	to, after := b.property(name)
	switch {
	case before && after:
		switch {
		case !a.IsRequired(name) && b.IsRequired(name):
			s.note(path, narrows, "became required")
		case a.IsRequired(name) && !b.IsRequired(name):
			s.note(path, widens, "became optional")
		}
		s.compare(path, from, to)
	case before:
		s.note(path, sum(b.Closed, true), "removed")
		if b.Additional != nil {
			s.compare(path, from, b.Additional)
		}
	case b.IsRequired(name):
		s.note(path, sum(true, a.Closed), "added, required")
	default:
		s.note(path, sum(false, a.Closed), "added, optional")
	}
	if !before && a.Additional != nil {
		s.compare(path, a.Additional, to)
	}
}

// property returns the schema of a property, and whether the object has it.
func (s *Schema) property(name string) (*Schema, bool) {
	for _, p := range s.Properties {
		if p.Name == name {
			return p.Schema, true
		}
	}
	return s.Additional, s.IsRequired(name)
}

// propertyNames returns the names of the properties of a, and then those that only b has.
func propertyNames(a, b *Schema) []string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, s := range []*Schema{a, b} {
		for _, p := range s.Properties {
			add(p.Name)
		}
		for _, name := range s.Required {
			add(name)
		}
	}
	return names
}
