"""What an installation knows about its own restoring."""

from datetime import datetime

from sqlalchemy.orm import Mapped

from supportdesk.db.base import Base, Id


class Pause(Base):
    """There is one row after a restore, until people release the service.

    Mail that waited at `backup_made_at` may have been sent since then by the service that was lost.
    """

    __tablename__ = "pause"

    id: Mapped[Id]
    since: Mapped[datetime]
    backup_made_at: Mapped[datetime]
