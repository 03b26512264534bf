package dlq

import "log/slog"

const (
	logInfo = slog.LevelInfo
	logWarn = slog.LevelWarn
)

func logErr(err error) slog.Attr             { return slog.String("err", err.Error()) }
func logInt(key string, value int) slog.Attr { return slog.Int(key, value) }
func logString(key, value string) slog.Attr  { return slog.String(key, value) }
func logOffset(value int64) slog.Attr        { return slog.Int64("offset", value) }
