package main

import (
	"io"
	"log/slog"
	"time"
)

// newLogger returns the logger that writes to w what s asks for: text for people on a terminal, JSON for
// collectors elsewhere. Every line has the keys time, level, msg and app; the parts of weir add partition,
// topic, offset, segment and err where they apply. Ids and values of subjects are never logged.
func newLogger(w io.Writer, s *Settings) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel, ReplaceAttr: logTimeInUTC}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if s.LogFormat == "text" || s.LogFormat == "auto" && isTerminal(w) {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(handler).With("app", s.App)
}

// logTimeInUTC makes the lines of workers in different places comparable.
func logTimeInUTC(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		a.Value = slog.TimeValue(a.Value.Time().UTC().Round(time.Microsecond))
	}
	return a
}
